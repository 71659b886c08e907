"""The deadlines of one attempt: a new connection does not begin them anew."""

from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.clock import Clock, Deadline


class Deadlines:
    """Each begins when it is first asked for."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._clock = clock
        self._policy = policy
        self._forward: Deadline | None = None
        self._back: Deadline | None = None

    @property
    def forward(self) -> Deadline:
        """Until when the way forward may take."""
        if self._forward is None:
            seconds = self._policy.deadline_seconds
            self._forward = Deadline(self._clock, seconds, name="deadlineSeconds")
        return self._forward

    @property
    def back(self) -> Deadline:
        """Until when the way back may take."""
        if self._back is None:
            seconds = self._policy.rollback_deadline_seconds
            self._back = Deadline(self._clock, seconds, name="rollbackDeadlineSeconds")
        return self._back

    @property
    def current(self) -> Deadline:
        """That of the way the run is on."""
        return self._back or self.forward
