"""Runs that somebody else left unfinished are brought to a known end before new work begins."""

from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.ending import LockedRun, Verdict, finish
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.ledger import history, journal, runs
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.reckoning import settle_unfinished
from meshmigrate.engine.retreat import finish_way_back

_ARRIVED: Final = (Outcome.ROLLED_BACK, Outcome.CANCELLED, Outcome.SUCCEEDED)


def settle_others(locked: LockedRun) -> None:
    """End what others left: a run on its way back arrives, one on its way forward is closed.

    What the latter applied stays: each file was committed with its history row, so the history
    says what is there, and the run that works now goes on from it. A step that it was in the
    middle of is settled first.

    Raises
    ------
    Refusal
        If another run's way back fails: a person has to look before anything goes forward.
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    for run in runs.unfinished(locked.ledger):
        if run.id != locked.identity.id:
            locked.events(
                Event(name=EventName.RECOVERING, message=f"ending run {run.id}, left unfinished")
            )
            _settle(locked, run)


def _settle(locked: LockedRun, run: Run) -> None:
    if run.way_back is None:
        _abandon(locked, run)
        return
    ending = finish_way_back(locked, run)
    if ending.outcome not in _ARRIVED:
        raise Refusal(
            Reason.ROLLBACK_SCRIPT_FAILED,
            f"run {run.id} was left on its way back, and finishing that failed",
            hint=f"See what it left in the log of the ledger schema '{locked.ledger.schema}', "
            "put the database in order, and run again.",
        )


def _abandon(locked: LockedRun, run: Run) -> None:
    seconds = locked.policy.rollback_deadline_seconds
    deadline = Deadline(locked.clock, seconds, name="rollbackDeadlineSeconds")
    settle_unfinished(locked.executor, journal.unfinished(locked.ledger, run.id), deadline)
    versions = [str(row.version) for row in reversed(history.of_run(locked.ledger, run.id))]
    verdict = Verdict(
        outcome=Outcome.INTERRUPTED,
        reason=Reason.ABANDONED,
        message=f"run {locked.identity.id} found this one unfinished and closed it; "
        f"applied by it: {', '.join(versions) or 'nothing'}",
    )
    identity = RunIdentity(id=run.id, attempt=run.attempt)
    after = catalog.take(locked.ledger.connection, locked.policy.fingerprint)
    finish(locked, identity, verdict, after=after)
