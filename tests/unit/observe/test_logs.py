"""Logging: one stream of JSON lines, whoever speaks."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from meshmigrate.observe.logs import configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give the stream that is logged to, and restore logging afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Give the lines as objects."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_those_of_libraries_have_one_form(stream: io.StringIO) -> None:
    """Time, level, logger and event are where they are expected in both."""
    structlog.get_logger("ours").info("run finished", run=1)
    logging.getLogger("theirs").warning("hello %s", "world")
    ours, theirs = lines(stream)
    assert (ours["event"], ours["run"], ours["level"]) == ("run finished", 1, "info")
    assert (theirs["event"], theirs["level"]) == ("hello world", "warning")
    assert set(theirs) <= set(ours) | {"logger"}


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    """Debug is off at INFO."""
    structlog.get_logger("ours").debug("step")
    logging.getLogger("theirs").debug("step")
    assert lines(stream) == []


def test_a_line_of_kopf_names_its_object(stream: io.StringIO) -> None:
    """Kopf's records carry the object they are about."""
    reference = {"namespace": "app", "name": "web", "kind": "DatabaseMigration"}
    logging.getLogger("kopf.x").warning("oops", extra={"k8s_ref": reference})
    (line,) = lines(stream)
    assert (line["resource"], line["kind"]) == ("app/web", "DatabaseMigration")


def test_an_exception_stays_on_one_line(stream: io.StringIO) -> None:
    """The traceback is a field."""
    structlog.get_logger("ours").error("failed", exc_info=ValueError("bug"))
    (line,) = lines(stream)
    assert "ValueError: bug" in line["exception"]
