"""How far an attempt is, as the events tell it: what the runner's log has on every line."""

from msgspec.structs import replace

from meshmigrate.domain.runner_log import MAX_MESSAGE_BYTES, Progress, name_blockers, shortened
from meshmigrate.engine.events import Event


def progress_after(progress: Progress | None, event: Event) -> Progress | None:
    """Give the progress after an event; None until there is any.

    Where the run goes, the file and the counts hold until another event says them anew; the
    statement and what it waits for are those of the event alone.
    """
    if event.direction is not None:
        progress = _moved(progress or Progress(), event)
    elif progress is None and not event.waiting_for:
        return None
    return replace(
        progress or Progress(),
        file=event.file if event.statement else progress.file if progress else "",
        line=event.line if event.statement else None,
        statement=shortened(event.outline() or event.statement),
        seconds=None if event.seconds is None else int(event.seconds),
        doing=shortened(event.doing),
        waiting_for=shortened(event.waiting_for),
        blockers=name_blockers(event.blockers),
    )


def _moved(progress: Progress, event: Event) -> Progress:
    same = progress.direction == event.direction
    return Progress(
        direction=event.direction or progress.direction,
        version=event.version,
        file=event.file,
        applied=event.done,
        total=event.total,
        cause=shortened(event.cause, MAX_MESSAGE_BYTES // 8) or (progress.cause if same else ""),
    )
