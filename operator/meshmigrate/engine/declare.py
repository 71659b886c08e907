"""Changing what the history says without running a file: under the lock, as a run of its own.

Everything such a run writes, its own row included, is one transaction: after a crash it has
either happened or not, and there is nothing to continue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.connect import Connection, Credentials
from meshmigrate.engine.early import end_dry_run, end_up_to_date
from meshmigrate.engine.ending import Ending, LockedRun, Verdict, finish
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.ledger import history, log, runs, schema
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.run import Attempt, run
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a declaration is decided on: the files, the history, the database."""

    wanted: Wanted
    history: tuple[AppliedVersion, ...]
    connection: Connection
    ledger: Ledger | None = None
    """None where there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One version that the history is to say something else about, and the log's word for it."""

    event: str
    version: str
    file: str
    write: Callable[[Ledger, RunSpec], None]
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What changes in the history; nothing, if it says so already."""

    message: str
    versions: tuple[Declared, ...]


Decide = Callable[[Situation], Declaration]
"""Gives the declaration, or raises the refusal; only reads."""


def declare(
    spec: RunSpec,
    credentials: Credentials,
    tools: Tools,
    decide: Decide,
    *,
    dry_run: bool = False,
    while_unfinished: bool = False,
) -> Ending:
    """Write a declaration, or say why not.

    It is decided twice: first without the lock, so that a refusal changes nothing, not even by
    making a ledger, and again when nobody else can change anything. A dry run ends before that,
    and leaves no trace, not even in the log.

    Parameters
    ----------
    while_unfinished
        Whether it may be written although a run was left unfinished.
    """
    if dry_run:
        return run(spec, credentials, tools, work=partial(_look, decide=decide))
    write = partial(_declare, decide=decide, while_unfinished=while_unfinished)
    return run(spec, credentials, tools, work=write)


def _look(attempt: Attempt, *, decide: Decide) -> Ending:
    ledger = Ledger(attempt.connection, attempt.spec.ledger.schema)
    declaration = _decide(attempt, ledger if schema.find_version(ledger) else None, decide)
    if not declaration.versions:
        return end_up_to_date(attempt.known)
    return end_dry_run(attempt.known, f"would have {declaration.message}")


def _declare(attempt: Attempt, *, decide: Decide, while_unfinished: bool = False) -> Ending:
    ledger = Ledger(attempt.connection, attempt.spec.ledger.schema)
    exists = bool(schema.find_version(ledger))
    if exists:
        attempt.known.ledger = ledger
    if not _decide(attempt, ledger if exists else None, decide).versions:
        return end_up_to_date(attempt.known)
    attempt.take_lock()
    attempt.bring_up_to_date(ledger)
    if not while_unfinished:
        _refuse_unfinished(ledger)
    declaration = _decide(attempt, ledger, decide)
    if not declaration.versions:
        return end_up_to_date(attempt.known)
    return _write(attempt.take_lease(ledger), attempt.spec, declaration)


def _decide(attempt: Attempt, ledger: Ledger | None, decide: Decide) -> Declaration:
    applied = history.read(ledger) if ledger is not None else ()
    attempt.known.present = tuple(row.version for row in applied)
    return decide(
        Situation(
            wanted=attempt.wanted,
            history=applied,
            connection=attempt.connection,
            ledger=ledger,
        )
    )


def _refuse_unfinished(ledger: Ledger) -> None:
    for unfinished in runs.unfinished(ledger):
        raise Refusal(
            Reason.RUN_UNFINISHED,
            f"run {unfinished.id} was left unfinished",
            hint="Bring it to its end first: start that run again, or `meshmigrate apply`.",
        )


def _write(locked: LockedRun, spec: RunSpec, declaration: Declaration) -> Ending:
    now = catalog.take(locked.ledger.connection)

    def record() -> None:
        digest = catalog.keep(locked.ledger, now)
        runs.start(locked.ledger, spec, plan_digest=None, fingerprint=digest)
        for declared in declaration.versions:
            declared.write(locked.ledger, spec)

    verdict = Verdict(
        outcome=Outcome.SUCCEEDED, reason=Reason.SUCCEEDED, message=declaration.message
    )
    entries = [_entry(spec, declared) for declared in declaration.versions]
    return finish(locked, spec.run, verdict, after=now, entries=entries, record=record)


def _entry(spec: RunSpec, declared: Declared) -> log.Entry:
    return log.Entry(
        event=declared.event,
        run_id=spec.run.id,
        attempt=spec.run.attempt,
        version=declared.version,
        script=declared.file,
        message=declared.message,
    )
