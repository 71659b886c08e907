"""Changing what the history says without running a file: under the lock, as a run of its own."""

from functools import partial

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.connect import Credentials
from meshmigrate.engine.declaration import Decide, Declaration, Situation, write
from meshmigrate.engine.early import end_dry_run, end_up_to_date
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.ledger import history, runs, schema
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.run import Attempt, run
from meshmigrate.engine.tools import Tools


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
    return write(attempt.take_lease(ledger), attempt.spec, declaration)


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
