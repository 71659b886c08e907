"""What tells that two resources work on one database, without a look into any Secret."""

from meshmigrate.controller.spec import Database
from meshmigrate.controller.status import DatabaseStatus


def database_keys(
    namespace: str, database: Database, known: DatabaseStatus | None
) -> frozenset[str]:
    """Give the names of a database: resources that share one of them share the database.

    What the latest run found in the database holds across namespaces and Secrets. Before the
    first run only the key of the Secret is known, and after it that still binds a resource to its
    neighbours that have not run yet. A copy of a whole server has the identifier of the original:
    then two databases are taken for one, which costs waiting and nothing else.
    """
    secret = database.url.secret_key_ref
    keys = {f"secret/{namespace}/{secret.name}/{secret.key}"}
    if known is not None:
        keys.add(f"database/{known.system_identifier}/{known.name}")
    return frozenset(keys)
