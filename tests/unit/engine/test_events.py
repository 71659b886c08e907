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


def test_short_statements_are_told_at_that_pace_too() -> None:
    """A file of thousands of them moves on, and who looks sees that."""
    now = 0.0
    told: list[int | None] = []
    paced = Paced(lambda event: told.append(event.line), 5.0, monotonic=lambda: now)
    for line in range(1, 13):
        now = float(line)
        paced(Event(name=EventName.RUNNING, message="short", seconds=0.1, line=line))
    assert told == [5, 10]


def test_a_statement_that_goes_on_for_long_is_told_ever_more_rarely() -> None:
    """At twentieths of its time; that somebody else is in its way is told as soon as ever."""
    now = 0.0
    told: list[float] = []
    paced = Paced(lambda _: told.append(now), 5.0, monotonic=lambda: now)
    for second in range(0, 1210, 2):
        now = float(second)
        blockers = ("process 2",) if second >= 1000 else ("process 1",)
        paced(Event(name=EventName.RUNNING, message="", seconds=now, blockers=blockers))
    assert told[:3] == [6, 12, 18]
    late = [at for at in told if at > 900]
    assert late[-1] - late[-2] > 50
    assert any(1000 <= at <= 1006 for at in late)
    assert len(told) < 80
