"""What tells that two resources work on one database, without a look into any Secret."""

from meshmigrate.controller.database_spec import ConnectionSpec, Database, Part
from meshmigrate.controller.status import DatabaseStatus


def database_keys(
    namespace: str, database: Database, known: DatabaseStatus | None
) -> frozenset[str]:
    """Give the names of a database: resources that share one of them share the database.

    What the latest run found in the database holds across namespaces and Secrets. Before the
    first run only the key of the Secret, or the parts of the connection, are known, and after it
    that still binds a resource to its neighbours that have not run yet. A copy of a whole server
    has the identifier of the original: then two databases are taken for one, which costs waiting
    and nothing else.
    """
    keys = set()
    if database.url is not None:
        secret = database.url.secret_key_ref
        keys.add(f"secret/{namespace}/{secret.name}/{secret.key}")
    if database.connection is not None:
        keys.add(f"connection/{namespace}/{_place(database.connection)}")
    if known is not None:
        keys.add(f"database/{known.system_identifier}/{known.name}")
    return frozenset(keys)


def _place(connection: ConnectionSpec) -> str:
    parts = (connection.host, connection.port, connection.dbname)
    return "/".join(_word(part) for part in parts)


def _word(part: Part | None) -> str:
    if part is None:
        return ""
    secret = part.secret_key_ref
    return f"secret:{secret.name}:{secret.key}" if secret else str(part.value)
