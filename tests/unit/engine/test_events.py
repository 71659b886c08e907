"""Events: what says the same again comes at a pace, everything else at once."""

from meshmigrate.engine.events import Event, EventName, Paced


def test_a_running_statement_is_told_at_a_pace_and_everything_else_at_once() -> None:
    """Not before it has run for that long, then as often."""
    now = 0.0
    told: list[str] = []
    paced = Paced(lambda event: told.append(event.message), 5.0, monotonic=lambda: now)
    paced(Event(name=EventName.APPLYING, message="applying"))
    for second in range(1, 13):
        now = float(second)
        paced(Event(name=EventName.RUNNING, message=f"{second} s", seconds=now))
    paced(Event(name=EventName.APPLIED, message="applied"))
    assert told == ["applying", "5 s", "10 s", "applied"]


def test_the_next_statement_is_told_when_it_has_run_for_as_long() -> None:
    """Its own time counts."""
    told: list[str] = []
    paced = Paced(lambda event: told.append(event.message), 5.0, monotonic=lambda: 100.0)
    paced(Event(name=EventName.RUNNING, message="short", seconds=1.0))
    paced(Event(name=EventName.RUNNING, message="long", seconds=6.0))
    assert told == ["long"]
