"""What the ledger says of a file that was applied: its rows in history and log."""

from dataclasses import dataclass

from meshmigrate.domain.script import Migration
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.ledger import history, log
from meshmigrate.engine.ledger.store import Bound
from meshmigrate.engine.write_back import write_back


@dataclass(slots=True)
class Rows:
    """What the ledger says of a file that was applied."""

    locked: LockedRun
    migration: Migration
    bound: Bound | None = None

    def bind(self, started: str | None = None, ended: str | None = None) -> Bound:
        """Make its statement, which needs no answer of the file's: it is done while that runs.

        A file that has its transaction for itself began with it, and ends now.
        """
        identity = self.locked.identity
        entry = log.Entry(
            event=log.APPLIED,
            run_id=identity.id,
            attempt=identity.attempt,
            version=str(self.migration.version),
            script=self.migration.script.file,
            timed=True,
            started=started,
            ended=ended,
        )
        arrival = history.arrival(
            self.migration, identity.id, "applied", started=started, ended=ended
        )
        self.bound = log.row_with(self.locked.ledger, history.ARRIVED, entry, arrival)
        return self.bound

    def write(self, started: str | None = None, ended: str | None = None) -> None:
        """Write it, in the transaction of the file."""
        self.locked.ledger.write_bound(self.bound or self.bind(started, ended))
        if self.locked.ledger.write_back:
            write_back(self.locked.ledger, self.migration)
