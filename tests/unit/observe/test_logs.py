"""Logging: one stream of lines of one form, whoever speaks."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from meshmigrate.domain.runner_log import LogFormat
from meshmigrate.observe.logs import configure_logging, last_words

REQUIRED = ("apiVersion", "time", "level", "logger", "event", "message")


class Log:
    """What is logged, and where to."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def begin(self, form: LogFormat = "json") -> None:
        """Begin to log to the stream."""
        configure_logging("INFO", self.stream, form)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines as objects."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Give the log of a process, and restore everything afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    log = Log()
    log.begin()
    yield log
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_our_lines_and_those_of_libraries_have_one_form(log: Log) -> None:
    """The same keys first and in the same order; what a library says is its message."""
    structlog.get_logger("ours").info("run-finished", run_id="7", delay_seconds=1)
    logging.getLogger("theirs").warning("hello %s", "world")
    ours, theirs = log.lines
    assert tuple(ours)[:6] == tuple(theirs)[:6] == REQUIRED
    assert (ours["event"], ours["message"]) == ("run-finished", "run finished")
    assert (ours["level"], ours["runId"], ours["delaySeconds"]) == ("info", "7", 1)
    assert (theirs["event"], theirs["message"]) == ("library", "hello world")
    assert (theirs["level"], theirs["logger"]) == ("warning", "theirs")


def test_a_message_tells_the_cause(log: Log) -> None:
    """Whoever reads messages only misses nothing."""
    structlog.get_logger("ours").warning("retrying", error="503 from the API")
    assert log.lines[0]["message"] == "retrying: 503 from the API"


def test_lines_below_the_level_are_left_out(log: Log) -> None:
    """Debug is off at INFO."""
    structlog.get_logger("ours").debug("step")
    logging.getLogger("theirs").debug("step")
    assert log.lines == []


def test_a_line_of_kopf_names_its_object(log: Log) -> None:
    """Kopf's records carry the object they are about."""
    reference = {"namespace": "app", "name": "web", "kind": "DatabaseMigration"}
    logging.getLogger("kopf.x").warning("oops", extra={"k8s_ref": reference})
    assert log.lines[0]["object"] == "DatabaseMigration app/web"


@pytest.mark.parametrize("name", ["kopf.objects", "kubernetes.aio.client.rest", "asyncio"])
def test_a_line_of_a_library_names_the_run_that_it_is_about(log: Log, name: str) -> None:
    """What is said while a resource is worked on concerns that resource."""
    with bound_contextvars(resource="app/web", run_id="7"):
        logging.getLogger(name).warning("slow")
    assert (log.lines[0]["resource"], log.lines[0]["runId"]) == ("app/web", "7")


def test_an_exception_stays_on_one_line(log: Log) -> None:
    """The traceback is a field."""
    structlog.get_logger("ours").error("failed", exc_info=ValueError("bug"))
    (line,) = log.lines
    assert "ValueError: bug" in line["exception"]


def test_what_nobody_caught_is_a_line_too(log: Log) -> None:
    """Of the process, of a thread, of a task, of a destructor; and a warning."""
    error = ValueError("bug")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

    class Bad:
        def __del__(self) -> None:
            raise error

    async def fail() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "m", "exception": error})

    Bad()
    asyncio.run(fail())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    crash, of_thread, of_destructor, of_task, warning = log.lines
    assert (crash["event"], crash["level"]) == ("crashed", "critical")
    assert (of_thread["event"], of_destructor["event"]) == ("thread-crashed", "error-not-raised")
    assert "ZeroDivisionError" in of_thread["exception"]
    assert (of_task["logger"], of_task["level"]) == ("asyncio", "error")
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")


def test_the_last_line_says_why_it_ends(log: Log) -> None:
    """A reason, or an error of ours with its traceback."""
    last_words("no CustomResourceDefinition")
    last_words("", ValueError("bug"))
    ended, crashed = log.lines
    assert ended["message"] == "ended: no CustomResourceDefinition"
    assert "ValueError: bug" in crashed["exception"]


def test_lines_for_people_have_the_same_content(log: Log) -> None:
    """Time, level, message, and what it is about; a traceback as one reads it."""
    log.begin("console")
    structlog.get_logger("ours").error("run-finished", run_id="7", exc_info=ValueError("bug"))
    text = log.stream.getvalue()
    first = text.splitlines()[0]
    assert "run finished" in first
    assert "runId=7" in first
    assert "\nValueError: bug" in text
