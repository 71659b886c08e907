"""The output of the commands that only look: their JSON, documented in docs/cli.md.

Times are RFC 3339 from the server's clock, durations in seconds.
"""

from typing import Literal

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    DatabaseIdentity,
    FailureDetail,
    Result,
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
