"""What a run needs of the world besides the database."""

from dataclasses import dataclass

from meshmigrate.engine.clock import Clock
from meshmigrate.engine.events import Events
from meshmigrate.engine.stop import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a run needs of the world besides the database."""

    clock: Clock
    stop: Stop
    events: Events
