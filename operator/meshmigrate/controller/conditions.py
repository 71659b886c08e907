"""The conditions of a DatabaseMigration.

Ready, Reconciling, Stalled and Succeeded are always set together, so that they cannot contradict
each other. The first three are read by ``kubectl wait``, Helm, Flux and Argo CD (kstatus);
Reconciling and Stalled are never both True. RollbackReady stands beside them: it says of the
latest run whether it could be taken back, and is absent until that is known.
"""

from enum import Enum
from typing import Final

from msgspec.structs import replace

from meshmigrate.controller.clock import format_time
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.status import Condition, Status
from meshmigrate.domain.result import RollbackReady

MAX_MESSAGE_LENGTH: Final = 2048


class Verdict(Enum):
    """A row of the table of conditions: Ready, Reconciling, Stalled, Succeeded.

    HELD_UP: stalled with an open end, as while something is tried for ever, or a person has to let
    it go on.
    """

    IN_PROGRESS = ("False", "True", "False", "Unknown")
    DONE = ("True", "False", "False", "True")
    ENDED_BADLY = ("False", "False", "True", "False")
    HELD_UP = ("False", "False", "True", "Unknown")


_TYPES: Final = ("Ready", "Reconciling", "Stalled", "Succeeded")
_ROLLBACK_READY: Final = "RollbackReady"


def with_verdict(
    observed: Observed,
    verdict: Verdict,
    phase: str,
    reason: str,
    message: str,
    *,
    status: Status | None = None,
    without_run: bool = False,
    reconciling: str = "",
) -> Status:
    """Give a status with phase and conditions set; a transition time moves only with its status.

    ``reconciling`` is a reason of its own for that condition: what is done about the other one.

    The generation is called observed only if its spec is the one the run works for: while an
    edit waits for the end of a run, kstatus shall see that it waits.

    Parameters
    ----------
    without_run
        Whether this is said of the spec itself, not of a run.
    """
    status = status or observed.resource.status
    run = status.current_run or status.last_run
    current = without_run or run is None or run.spec_hash == observed.resource.spec_hash
    generation = observed.resource.generation if current else status.observed_generation
    text = shortened(message)
    conditions = tuple(
        _carry_transition_time(
            Condition(
                type=kind,
                status=value,
                reason=reconciling if reconciling and kind == "Reconciling" else reason,
                message=text if kind == "Ready" or value == "True" else "",
                observed_generation=generation,
                last_transition_time=format_time(observed.now),
            ),
            status.condition(kind),
        )
        for kind, value in zip(_TYPES, verdict.value, strict=True)
    )
    others = tuple(each for each in status.conditions if each.type not in _TYPES)
    return replace(
        status,
        phase=phase,
        conditions=(*conditions, *others),
        observed_generation=generation,
    )


def with_rollback_ready(observed: Observed, status: Status, told: RollbackReady | None) -> Status:
    """Give a status that says whether the run can be taken back, if its runner told."""
    if told is None:
        return status
    condition = Condition(
        type=_ROLLBACK_READY,
        status="True" if told.ready else "False",
        reason=told.reason,
        message=shortened(told.message),
        observed_generation=observed.resource.generation,
        last_transition_time=format_time(observed.now),
    )
    condition = _carry_transition_time(condition, status.condition(_ROLLBACK_READY))
    kept = without_rollback_ready(status).conditions
    return replace(status, conditions=(*kept, condition))


def without_rollback_ready(status: Status) -> Status:
    """Give a status that says nothing about the way back of a run that has only begun."""
    kept = tuple(each for each in status.conditions if each.type != _ROLLBACK_READY)
    return replace(status, conditions=kept)


def shortened(message: str, length: int = MAX_MESSAGE_LENGTH) -> str:
    """Cut a message to so many characters; a cut is shown by an ellipsis."""
    return message if len(message) <= length else message[: length - 1] + "…"


def _carry_transition_time(condition: Condition, previous: Condition | None) -> Condition:
    if previous is None or previous.status != condition.status:
        return condition
    return replace(condition, last_transition_time=previous.last_transition_time)
