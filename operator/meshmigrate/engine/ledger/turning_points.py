"""Why a run is on its way back, and from what: kept in its row while it is."""

from typing import Self
from uuid import UUID

from meshmigrate.domain.plan import AppliedVersion, How
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail, RollbackReady
from meshmigrate.domain.runspec import Contract
from meshmigrate.domain.version import Version


class PartialFile(Contract, frozen=True, kw_only=True):
    """A file that failed after some of its steps: taken back although it has no history row."""

    version: str
    name: str
    checksum: str
    rollback_checksum: str


class TakenBack(Contract, frozen=True, kw_only=True):
    """A version that a way back begins with: its row is gone from the history at the end."""

    version: str
    name: str
    checksum: str
    rollback_checksum: str | None
    run_id: UUID
    how: How

    @classmethod
    def of(cls, row: AppliedVersion) -> Self:
        """Take it from the history."""
        return cls(
            version=str(row.version),
            name=row.name,
            checksum=row.checksum,
            rollback_checksum=row.rollback_checksum,
            run_id=row.run_id,
            how=row.how,
        )

    @property
    def row(self) -> AppliedVersion:
        """The row as it was."""
        return AppliedVersion(
            Version(self.version),
            self.name,
            self.checksum,
            self.rollback_checksum,
            self.run_id,
            self.how,
        )


class TurningPoint(Contract, frozen=True, kw_only=True, tag="failed"):
    """Why a run went back: kept while it does, whoever finishes it."""

    reason: str
    detail: FailureDetail
    partial: PartialFile | None = None
    write_back: bool = False
    """Whether what it takes back goes out of the history of Supabase's command line too."""
    rollback_ready: RollbackReady | None = None
    versions: tuple[TakenBack, ...] = ()
    """All that it takes back, also what an attempt before has."""

    @property
    def cancelled(self) -> bool:
        """Whether nothing failed: somebody asked for it."""
        return self.reason == Reason.CANCELLED


class Retreat(Contract, frozen=True, kw_only=True, tag="asked"):
    """Where a run was asked to go back to: kept while it does, whoever finishes it.

    Parameters
    ----------
    target
        The version to stop at; 0 is the state before the first one.
    proof
        Digest of the schema as it was when that version was last current; None if nobody looked.
    data_not_restored
        What the versions that are taken back have discarded.
    write_back
        Whether what it takes back goes out of the history of Supabase's command line too.
    versions
        All that it takes back, also what an attempt before has.
    """

    target: str
    proof: str | None
    data_not_restored: tuple[str, ...] = ()
    write_back: bool = False
    versions: tuple[TakenBack, ...] = ()


WayBack = TurningPoint | Retreat
