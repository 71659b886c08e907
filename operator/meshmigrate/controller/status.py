"""The status of a DatabaseMigration as values.

It is the operator's whole memory: what a restarted operator needs to continue stands here.
"""

from typing import Any, Final
from uuid import UUID

from msgspec import Struct, convert, to_builtins

from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.notification import Notification
from meshmigrate.domain.runner_log import Progress
from meshmigrate.domain.runspec import Purpose
from meshmigrate.domain.trace_context import TraceContext

HISTORY_LENGTH: Final = 10


class StatusPart(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of the status: a field of another release is passed over, not refused."""


class Condition(StatusPart, frozen=True, kw_only=True):
    """A condition (Kubernetes API conventions, "Typical status properties")."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class LastAttempt(StatusPart, frozen=True, kw_only=True):
    """How the latest ended attempt of the run in flight ended."""

    attempt: int
    outcome: str
    reason: str
    message: str
    ended_at: str


class CurrentRun(StatusPart, frozen=True, kw_only=True):
    """The run in flight: stored before its Job exists.

    ``started_at`` is of the run; ``attempt_started_at`` is when the container of this attempt was
    seen started and empty before; ``lost_pods`` counts attempts in a row that left no result.
    ``trouble_since`` is when the run first could not work: from then on the retry deadline counts.
    ``begun``: a container of some attempt may have worked on the database. ``cannot_start``: this
    attempt was seen unable to start. ``cancelled``: the run is to be taken back. ``spec`` is the
    run's own copy, ``supersedes`` the run before it, whose lost runner may still hold the lock.
    ``progress`` is that of the attempt whose container runs, ``traceparent`` the run's own span.
    """

    id: str
    number: int
    attempt: int
    intent: Purpose
    job_name: str
    spec_hash: str
    started_at: str
    spec: dict[str, Any] | None = None
    supersedes: str = ""
    begun: bool = False
    cancelled: bool = False
    cannot_start: bool = False
    attempt_started_at: str = ""
    lost_pods: int = 0
    trouble_since: str = ""
    last_attempt: LastAttempt | None = None
    progress: Progress | None = None
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        """The trace that the run's spans are in; empty where there are none."""
        trace = TraceContext.parse(self.traceparent)
        return trace.trace_id if trace else ""

    @property
    def between_attempts(self) -> bool:
        """Whether this attempt has ended and the next is not decided yet."""
        return self.last_attempt is not None and self.last_attempt.attempt == self.attempt


class VersionRange(StatusPart, frozen=True, kw_only=True):
    """How many versions, and which were the first and the last."""

    count: int
    first: str = ""
    last: str = ""


class SchemaProof(StatusPart, frozen=True, kw_only=True):
    """The schema as digests, before and after a run; ``expected`` is where a way back leads."""

    before: str
    after: str
    expected: str = ""


class RunFailure(StatusPart, frozen=True, kw_only=True):
    """What failed, where, and what to do next."""

    message: str
    hint: str = ""
    version: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    sqlstate: str = ""
    statement: str = ""
    data_not_restored: tuple[str, ...] = ()


class LastRun(StatusPart, frozen=True, kw_only=True):
    """The latest run that ended."""

    id: str
    number: int
    attempts: int
    spec_hash: str
    outcome: str
    reason: str
    started_at: str
    finished_at: str
    duration_seconds: float = 0.0
    lock_wait_seconds: float = 0.0
    statement_seconds: float = 0.0
    transaction_mode: str = ""
    applied: VersionRange | None = None
    rolled_back: VersionRange | None = None
    fingerprint: SchemaProof | None = None
    failure: RunFailure | None = None
    differences: tuple[str, ...] = ()
    trace_id: str = ""


class HistoryEntry(StatusPart, frozen=True, kw_only=True):
    """A line about a run that ended."""

    number: int
    id: str
    outcome: str
    reason: str
    finished_at: str
    duration_seconds: float = 0.0


class VersionPlan(StatusPart, frozen=True, kw_only=True):
    """A version of a plan."""

    version: str
    name: str
    strongest_lock: str = ""
    steps: int = 0
    rollback: str = ""


class PlanStatus(StatusPart, frozen=True, kw_only=True):
    """What the last run would do, if it only planned or waits for an approval."""

    digest: str
    direction: str
    count: int
    target: str = ""
    versions: tuple[VersionPlan, ...] = ()
    declares: str = ""
    transaction_mode: str = ""
    transaction_mode_reason: str = ""
    strongest_lock: str = ""
    data_not_restored: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    rollback_ready: str = ""
    run_number: int


class DatabaseStatus(StatusPart, frozen=True, kw_only=True):
    """Which database the last run found."""

    name: str
    system_identifier: str


class Status(StatusPart, frozen=True, kw_only=True):
    """The status subresource."""

    observed_generation: int = 0
    phase: str = "Pending"
    conditions: tuple[Condition, ...] = ()
    current_version: str = ""
    pending_count: int | None = None
    run_number: int = 0
    last_run_request: str = ""
    plan: PlanStatus | None = None
    database: DatabaseStatus | None = None
    current_run: CurrentRun | None = None
    last_run: LastRun | None = None
    history: tuple[HistoryEntry, ...] = ()
    notifications: tuple[Notification, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """Give the condition of a type."""
        return next((c for c in self.conditions if c.type == kind), None)

    @property
    def stalled(self) -> bool:
        """Whether a person is needed."""
        condition = self.condition("Stalled")
        return condition is not None and condition.status == "True"

    @property
    def undelivered(self) -> bool:
        """Whether something is still to be told."""
        return any(entry.pending for entry in self.notifications)

    @property
    def ready_reason(self) -> str:
        """The reason of the condition Ready."""
        condition = self.condition("Ready")
        return condition.reason if condition else ""


def parse_status(status: dict[str, Any] | None) -> Status:
    """Read a status; of one that was overwritten by hand into nonsense only the number stays.

    Starting anew is safe: a run of a known id is never executed twice, its stored result is
    given again.
    """
    try:
        read = convert(status or {}, type=Status)
        if read.current_run is not None:
            _check_run(read.current_run)
    except ValueError:  # which msgspec's ValidationError is too
        number = (status or {}).get("runNumber")
        return Status(run_number=number if isinstance(number, int) else 0)
    return read


def _check_run(run: CurrentRun) -> None:
    """Refuse what decisions could not be made from: an id that is none, a time that is none."""
    UUID(run.id)
    moments = [run.started_at, *filter(None, (run.attempt_started_at, run.trouble_since))]
    if run.last_attempt is not None:
        moments.append(run.last_attempt.ended_at)
    for moment in moments:
        if parse_time(moment).tzinfo is None:
            raise ValueError(f"{moment} has no time zone")


def dump_status(status: Status) -> dict[str, Any]:
    """Give the status as the API takes it."""
    fields: dict[str, Any] = to_builtins(status)
    return {"phase": status.phase, **fields}
