"""Looking at a database: one read-only transaction, no lock, nothing left behind."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import MigrationError, Refusal
from meshmigrate.domain.runspec import Access
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection, connect, protection
from meshmigrate.engine.early import restated
from meshmigrate.engine.ledger import schema
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.privileges import refuse_role
from meshmigrate.engine.probe import Server, examine


@dataclass(frozen=True, slots=True)
class Sight:
    """One state of a database, as long as the transaction lasts."""

    server: Server
    ledger: Ledger
    ledger_version: int
    """0: there is no ledger yet, and nothing may be read from it."""


@contextmanager
def look(
    parameters: ConnectionParameters,
    ledger_schema: str,
    command: str,
    attach: Callable[[Connection], None] = lambda _: None,
    *,
    access: Access | None = None,
) -> Iterator[Sight]:
    """Connect as a run does, refused for the same reasons, and change nothing.

    Not even the session: its settings would stay with a pooler's server session.

    Parameters
    ----------
    attach
        Told the connection, for whoever may want to cancel what it does.
    access
        As whom scripts would run, and where they would find names.

    Raises
    ------
    MigrationError
        Why the database or its ledger cannot be read.
    """
    try:
        connect_again = partial(connect, parameters, command)
        with session.translated(), closing(connect_again()) as connection:
            attach(connection)
            server = replace(examine(connection, connect_again), access=access or Access())
            refuse_role(connection, server)
            with session.snapshot(connection):
                connection.execute(protection("SET LOCAL").encode())
                ledger = Ledger(connection, ledger_schema)
                yield Sight(server, ledger, schema.find_version(ledger))
    except MigrationError as error:
        raise restated(error, Refusal) from error
