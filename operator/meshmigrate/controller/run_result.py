"""The result of a run as its resource tells it: what the runner wrote, read back."""

from msgspec import convert, to_builtins

from meshmigrate.controller.run_status import LastRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import Result, RollbackReady


def result_of(status: Status, run: LastRun) -> Result:
    """Give the result of a run that ended, as the resource's status has it.

    The database and the way back are as the status says now: of this run, if it is the last one.

    Raises
    ------
    ValueError
        If the run was superseded, which is no outcome of a runner.
    """
    ready = status.condition("Ready")
    way_back = status.condition("RollbackReady")
    plan = status.plan
    told = run.failure.message if run.failure else ready.message if ready else ""
    result = {
        **to_builtins(run),
        "apiVersion": 1,
        "runId": run.id,
        "attempt": run.attempts,
        "outcome": Outcome(run.outcome).value,
        "message": told,
        "currentVersion": status.current_version,
        "pendingCount": status.pending_count or 0,
        "database": to_builtins(status.database),
        "plan": to_builtins(plan) if plan and plan.run_number == run.number else None,
        "rollbackReady": way_back
        and to_builtins(
            RollbackReady(
                ready=way_back.status == "True", reason=way_back.reason, message=way_back.message
            )
        ),
    }
    return convert(result, type=Result)
