"""What the status says of runs: the one in flight, the last one, and those before it."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from meshmigrate.controller.clock import parse_time
from meshmigrate.domain.runner_log import Progress
from meshmigrate.domain.runspec import Purpose
from meshmigrate.domain.trace_context import TraceContext


class StatusPart(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of the status: a field of another release is passed over, not refused."""


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


def check_run(run: CurrentRun) -> None:
    """Refuse what decisions could not be made from: an id that is none, a time that is none."""
    UUID(run.id)
    moments = [run.started_at, *filter(None, (run.attempt_started_at, run.trouble_since))]
    if run.last_attempt is not None:
        moments.append(run.last_attempt.ended_at)
    for moment in moments:
        if parse_time(moment).tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
