"""What is told of a way back while it is gone."""

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.engine.events import Event, EventName


def event(name: EventName, row: AppliedVersion, done: int, total: int, word: str) -> Event:
    """Tell of a version that is taken back."""
    return Event(
        name=name,
        message=f"{word} {row.version} {row.name}",
        version=str(row.version),
        direction="down",
        done=done,
        total=total,
    )


def turning_back(why: str, count: int, *, cause: str = "") -> Event:
    """Tell that what a run applied is about to be taken back."""
    versions = f"{count} {'version' if count == 1 else 'versions'}"
    return Event(
        name=EventName.TURNING_BACK,
        message=f"taking back {versions}, as {why}",
        direction="down",
        done=0,
        total=count,
        cause=cause,
    )
