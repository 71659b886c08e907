"""The output of the commands that only look: their JSON, documented in docs/cli.md.

Times are RFC 3339 from the server's clock, durations in seconds.
"""

from typing import Literal

from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.hazard_search import Answer
from meshmigrate.domain.mode import Mode
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    DatabaseIdentity,
    FailureDetail,
    PlannedVersion,
    Result,
    RollbackReady,
)
from meshmigrate.domain.runspec import Contract, Intent


class Problem(Contract, frozen=True, kw_only=True):
    """Why there is no answer: the same fields as in the result of a run."""

    api_version: Literal[1]
    outcome: Outcome
    reason: str
    message: str
    failure: FailureDetail


class Fault(Contract, frozen=True, kw_only=True):
    """A command line that was not understood, or an error of the program itself.

    It goes to standard error: standard output holds answers only.
    """

    api_version: Literal[1]
    outcome: Literal["UsageError", "InternalError"]
    message: str
    hint: str


class LockHolder(Contract, frozen=True, kw_only=True):
    """The session that holds the migration lock."""

    pid: int
    application_name: str = ""
    role: str = ""
    connected_since: str = ""
    """In the session's time zone, as a person reads it."""
    run_id: str = ""
    """The run it works for, where the ledger says so."""


class RunSummary(Contract, frozen=True, kw_only=True):
    """A run: what it set out to do, and how it ended if it has."""

    id: str
    attempt: int
    intent: Intent
    """``undo`` from the moment on at which it turned back."""
    started_at: str
    finished_at: str = ""
    outcome: str = ""
    reason: str = ""
    message: str = ""
    actor: str = ""
    resource: str = ""


class OpenStep(Contract, frozen=True, kw_only=True):
    """A step of a file: its first statement, counted from 1, and what it is about."""

    run_id: str
    version: str
    direction: Literal["up", "down"]
    """``down``: of the rollback script."""
    ordinal: int
    object: str = ""
    started_at: str


class Status(Contract, frozen=True, kw_only=True):
    """Where a database stands."""

    api_version: Literal[1]
    database: DatabaseIdentity
    ledger_schema: str
    ledger_version: int
    """0: there is no ledger yet."""
    current_version: str = ""
    applied_count: int
    pending_count: int | None = None
    """Left out where no folder of migrations was found."""
    lock: LockHolder | None = None
    """Left out while nobody holds it."""
    unfinished: tuple[RunSummary, ...]
    runs: tuple[RunSummary, ...]
    """The last ones that have ended, the latest first."""
    open_steps: tuple[OpenStep, ...]
    half_back: tuple[OpenStep, ...] = ()
    """What is done of rollback scripts whose run ended in the middle of them."""
    next: str = ""
    """What to do; left out where that is nothing."""


class LogRow(Contract, frozen=True, kw_only=True):
    """A row of the migration log."""

    id: int
    at: str
    event: str
    run_id: str = ""
    attempt: int | None = None
    version: str = ""
    script: str = ""
    duration_seconds: float | None = None
    outcome: str = ""
    error_code: str = ""
    message: str = ""
    hash: str
    """In hexadecimal."""


class Chain(Contract, frozen=True, kw_only=True):
    """What walking the log's hash chain found."""

    intact: bool
    rows: int
    """How many rows the log has."""
    first_broken: int | None = None
    """The id of the first row that does not fit."""


class LogAnswer(Contract, frozen=True, kw_only=True):
    """The end of the migration log."""

    api_version: Literal[1]
    database: DatabaseIdentity
    ledger_schema: str
    ledger_version: int
    """0: there is no ledger yet."""
    rows: tuple[LogRow, ...]
    """The last ones, in the order in which they were written."""
    chain: Chain | None = None
    """Only where it was to be verified."""


class NewFiles(Contract, frozen=True, kw_only=True):
    """The files of a migration that was just made."""

    api_version: Literal[1]
    version: str
    migration: str
    rollback: str


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


class WaitAnswer(Contract, frozen=True, kw_only=True):
    """How the run of a resource in a cluster ended, or that its end was not seen."""

    api_version: Literal[1]
    namespace: str
    name: str
    outcome: str
    """An outcome of a run; ``TimedOut`` or ``Deleted`` where its end was not seen."""
    exit_code: int
    phase: str = ""
    reason: str = ""
    message: str = ""
    """Phase, reason and message of the resource, as they were last."""
    run: Result | None = None
    """The run, where it ended while its details were there to be read."""
