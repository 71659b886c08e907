"""An event of a resource, as its status keeps it until it is told."""

from typing import Final, Literal

from meshmigrate.domain.runspec import Contract

MAX_NOTE_LENGTH: Final = 1024
"""The API refuses a longer message (events.k8s.io/v1, ``note``)."""
EventId = tuple[str, int]


class Event(Contract, frozen=True, kw_only=False):
    """Something that happened to a resource.

    ``occasion`` tells it from the others of the resource: run and reason. ``attempt``: of what may
    happen in each attempt, which one it is. ``guarded``: the finalizer that was there is taken
    away only after it was told, so without the finalizer it needs no mark.
    """

    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    occasion: str
    attempt: int = 0
    guarded: bool = False

    @property
    def id(self) -> EventId:
        """What tells it from the others of the resource."""
        return self.occasion, self.attempt
