"""The runner's log as it is written."""

from uuid import UUID

import pytest

from meshmigrate.cli.runner_log import RunnerLog
from meshmigrate.domain.result import RollbackReady
from meshmigrate.domain.runner_log import LogLine, decode_line
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.engine.events import Event, EventName


def lines(capfdbinary: pytest.CaptureFixture[bytes]) -> list[LogLine]:
    """Give what was written."""
    found = [decode_line(line) for line in capfdbinary.readouterr().out.splitlines()]
    return [line for line in found if line is not None]


def test_each_line_holds_all_that_is_known(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Whoever reads only the last one misses nothing."""
    log = RunnerLog()
    log.run = RunIdentity(id=UUID(int=7), attempt=2)
    ready = RollbackReady(ready=False, reason="NoScript", message="it has none")
    log(Event(name=EventName.PLANNED, message="planned", warning=True, rollback_ready=ready))
    moved = {"direction": "up", "version": "1", "file": "1_a.sql", "done": 0, "total": 1}
    log(Event(name=EventName.APPLYING, message="applying", **moved))  # type: ignore[arg-type]  # mixed
    log(Event(name=EventName.LEFTOVER, message="a leftover"))
    planned, applying, last = lines(capfdbinary)
    assert (planned.level, planned.progress, planned.rollback_ready) == ("warning", None, ready)
    assert (last.run_id, last.attempt, last.rollback_ready) == (str(UUID(int=7)), 2, ready)
    assert last.progress == applying.progress
    assert last.progress is not None
    assert (last.progress.version, last.progress.total) == ("1", 1)


def test_a_line_is_bounded(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Container runtimes divide lines of more than 16 KiB."""
    log, long = RunnerLog(), "é" * 99_999
    ready = RollbackReady(ready=False, reason="NoScript", message=long)
    log(Event(name=EventName.PLANNED, message=long, rollback_ready=ready))
    log(
        Event(
            name=EventName.RUNNING,
            message=long,
            direction="down",
            statement="X",
            outline=lambda: long,
            doing=long,
            waiting_for=long,
            blockers=(long,) * 9,
            cause=long,
        )
    )
    written = capfdbinary.readouterr().out.splitlines()
    assert len(written) == 2
    assert max(map(len, written)) < 8 * 1024
