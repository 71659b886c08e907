"""The progress of an attempt, as its events tell it."""

from meshmigrate.domain.runner_log import Progress
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.progress import progress_after


def after(*events: Event) -> Progress | None:
    """Give the progress after some events."""
    progress = None
    for event in events:
        progress = progress_after(progress, event)
    return progress


CONNECTED = Event(name=EventName.CONNECTED, message="connected")
APPLYING = Event(
    name=EventName.APPLYING,
    message="applying 2 b",
    version="2",
    file="web/2_b.sql",
    direction="up",
    done=1,
    total=3,
)
RUNNING = Event(
    name=EventName.RUNNING,
    message="it runs",
    file="web/2_b.sql",
    line=4,
    statement="ALTER TABLE",
    outline=lambda: "ALTER TABLE a ADD b int",
    seconds=41.7,
    waiting_for="a lock on a",
    blockers=("process 7",),
)
TURNING = Event(
    name=EventName.TURNING_BACK,
    message="taking back 1 version",
    direction="down",
    done=0,
    total=1,
    cause="version 2 failed",
)
ROLLING = Event(
    name=EventName.ROLLING_BACK, message="", version="1", direction="down", done=0, total=1
)


def test_there_is_none_before_anything_is_begun_or_waited_for() -> None:
    """A connection is no progress."""
    assert after(CONNECTED) is None


def test_a_running_statement_adds_to_what_is_known_of_its_file() -> None:
    """Its counts stay; whole seconds."""
    assert after(CONNECTED, APPLYING, RUNNING) == Progress(
        version="2",
        file="web/2_b.sql",
        line=4,
        applied=1,
        total=3,
        statement="ALTER TABLE a ADD b int",
        seconds=41,
        waiting_for="a lock on a",
        blockers=("process 7",),
    )


def test_a_statement_whose_text_is_not_to_be_shown_has_its_kind() -> None:
    """Too long, or not to be divided into words."""
    plain = Event(name=EventName.RUNNING, message="", statement="INSERT", seconds=1.0)
    found = after(APPLYING, plain)
    assert found is not None
    assert found.statement == "INSERT"


def test_what_it_waits_for_is_over_with_the_next_event() -> None:
    """Nothing old stays beside what is new."""
    waiting = Event(name=EventName.WAITING_FOR_LOCK, message="", waiting_for="the migration lock")
    assert after(waiting) == Progress(waiting_for="the migration lock")
    assert after(waiting, Event(name=EventName.LOCKED, message="")) == Progress()
    assert after(APPLYING, RUNNING, APPLYING) == after(APPLYING)


def test_the_way_back_keeps_its_cause_and_forgets_the_file_that_failed() -> None:
    """It is said once, and holds for every version that is taken back."""
    assert after(APPLYING, RUNNING, TURNING, ROLLING) == Progress(
        direction="down", version="1", applied=0, total=1, cause="version 2 failed"
    )
    forward = after(TURNING, APPLYING)
    assert forward is not None
    assert forward.cause == ""
