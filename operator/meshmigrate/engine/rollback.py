"""``rollback``: a run that is asked for nothing but to go back."""

from functools import partial

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.retreat import plan_retreat
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.script import MigrationSet
from meshmigrate.domain.version import Version
from meshmigrate.engine.connect import Credentials
from meshmigrate.engine.early import end_up_to_date
from meshmigrate.engine.ending import Ending, LockedRun, stored_ending
from meshmigrate.engine.ledger import history, runs, schema
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.run import Attempt, run
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted
from meshmigrate.engine.write_back import settle_write_back


def roll_back(spec: RunSpec, credentials: Credentials, tools: Tools) -> Ending:
    """Take the database back to the spec's target, with the scripts that its ledger keeps.

    Every expected end is an ending, as of a run that goes forward.
    """
    return run(spec, credentials, tools, work=_work, read=_without_files)


def _without_files(spec: RunSpec) -> Wanted:
    return Wanted(MigrationSet(()), Version(spec.target))


def _work(attempt: Attempt) -> Ending:
    target = Version(attempt.spec.target)
    ledger = Ledger(attempt.connection, attempt.spec.ledger.schema)
    if not schema.find_version(ledger):
        raise Refusal(
            Reason.NOT_APPLIED,
            f"there is no ledger schema '{ledger.schema}' here: nothing was applied",
            hint="Is it the right database, and the right --ledger-schema?",
        )
    attempt.known.ledger = ledger
    stored = stored_ending(runs.find(ledger, attempt.spec.run.id))
    if stored is not None:
        return stored
    ledger = settle_write_back(ledger, attempt.spec, attempt.tools.events, exists=True)
    if not runs.unfinished(ledger) and not _leaving(attempt, ledger, target):
        return end_up_to_date(attempt.known)
    attempt.take_lock()
    return attempt.run_locked(ledger, partial(_go, attempt, target))


def _go(attempt: Attempt, target: Version, locked: LockedRun, mine: Run | None) -> Ending:
    if mine is not None:
        raise Refusal(
            Reason.SOURCE_CHANGED,
            f"run {mine.id} goes forward and has not ended",
            hint="Bring it to its end with `meshmigrate apply` first, or go back as another run.",
        )
    if not _leaving(attempt, locked.ledger, target):
        return end_up_to_date(attempt.known)
    return attempt.retreat(locked, target)


def _leaving(attempt: Attempt, ledger: Ledger, target: Version) -> bool:
    rows = history.read(ledger)
    attempt.known.present = tuple(row.version for row in rows)
    return bool(plan_retreat(rows, target))
