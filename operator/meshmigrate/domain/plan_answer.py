"""What `plan` answers: its JSON, documented in docs/cli.md."""

from typing import Literal

from meshmigrate.domain.answers import RunSummary
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.hazard_search import Answer
from meshmigrate.domain.mode import Mode
from meshmigrate.domain.result import DatabaseIdentity, PlannedVersion, RollbackReady
from meshmigrate.domain.runspec import Contract


class WayBackAnswer(Contract, frozen=True, kw_only=True):
    """How a version is taken back when a later one fails, or why it cannot be."""

    ready: bool
    reason: str
    """Transactional, ScriptVerified, ScriptUnverified, DataLoss, Irreversible or NoScript."""
    message: str
    data_not_restored: tuple[str, ...] = ()


class HazardAnswer(Contract, frozen=True, kw_only=True):
    """Something that a file does on purpose, or that nobody asks about."""

    hazard: Hazard
    what: str
    """What becomes of which object."""
    statement: str
    """The command tag of the first statement that does it."""
    line: int
    column: int
    answer: Answer
    """AllowedByFile, AllowedByPolicy or NotEnforced: otherwise the plan is refused."""
    reason: str = ""
    """Why, as the file says."""


class PendingFile(Contract, frozen=True, kw_only=True):
    """A migration that is not applied."""

    version: str
    name: str
    file: str
    statements: int
    kinds: dict[str, int]
    """Command tag to how often it occurs, in the order of the first of each."""
    checks: int
    """How many files of checks belong to it."""
    has_rollback: bool
    transactional: bool
    """Whether one transaction holds it; otherwise it runs in steps."""
    steps: int
    """How many; 1 where it is transactional."""
    tables: dict[str, str]
    """The relations there now that it locks, and the strongest lock on each."""
    strongest_lock: str = ""
    locks_unknown: tuple[str, ...]
    """Statements whose text does not tell what they lock: for them lock_timeout alone."""
    rollback: WayBackAnswer
    hazards: tuple[HazardAnswer, ...] = ()


class PlanAnswer(Contract, frozen=True, kw_only=True):
    """What apply would do."""

    api_version: Literal[1]
    database: DatabaseIdentity
    ledger_schema: str
    ledger_version: int
    """0: there is no ledger yet, and apply creates it."""
    current_version: str = ""
    target: str
    digest: str
    """What identifies the plan: the history, the pending files and the policy they run under."""
    transaction_mode: Mode
    transaction_mode_reason: str
    held_until_end: dict[str, str]
    """In a batch, what all files together lock, from the first use to the end of the run."""
    rollback_ready: RollbackReady
    pending: tuple[PendingFile, ...]
    taken_back: tuple[PlannedVersion, ...] = ()
    """The versions above a target that lies below the current one, the one applied last first."""
    data_not_restored: tuple[str, ...] = ()
    """What taking them back does not bring back."""
    unfinished: tuple[RunSummary, ...]
    """What apply brings to an end first: a way back is finished, a way forward is closed."""

    @property
    def empty(self) -> bool:
        """Whether apply would change nothing."""
        return not (self.pending or self.taken_back or self.unfinished)
