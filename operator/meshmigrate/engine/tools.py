"""What a run needs of the world besides the database."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from meshmigrate.engine.activity import Activity
from meshmigrate.engine.clock import Clock
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Events
from meshmigrate.engine.stop import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """For how many seconds something is given time that may pass by itself."""

    first_contact: float = 60.0
    """A server that is a standby, starting up, or out of connections: a switchover, a restart."""
    idle_holder: float = 60.0
    """A session that holds the lock and does nothing, before it may be ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a run needs of the world besides the database."""

    clock: Clock
    stop: Stop
    events: Events
    patience: Patience = Patience()
    activity: Activity = field(default_factory=Activity)
    watch: Callable[[Connection], AbstractContextManager[None]] | None = None
    """Tells what takes long on a connection, where somebody wants to know."""
