"""The lines of the runner's log."""

import pytest

from meshmigrate.domain.runner_log import (
    LogLine,
    Progress,
    decode_line,
    describe_wait,
    encode_line,
    name_blockers,
    shortened,
)

LINE = LogLine(
    api_version=1,
    time="2026-01-02T03:04:05.000Z",
    level="info",
    event="running",
    message="it runs",
    progress=Progress(version="3", applied=0, total=2, blockers=("process 1",)),
)


def test_a_line_is_read_as_it_was_written() -> None:
    """One line of JSON."""
    assert encode_line(LINE).count(b"\n") == 1
    assert decode_line(encode_line(LINE)) == LINE


@pytest.mark.parametrize(
    "data",
    [
        encode_line(LINE)[:40],
        b"",
        b"Traceback (most recent call last):",
        b'{"time": 1}',
        b"\xff",
        b"[" * 30_000,
        encode_line(LINE).replace(b'"apiVersion":1', b'"apiVersion":2'),
    ],
)
def test_what_is_no_line_is_none(data: bytes) -> None:
    """Cut off, somebody else's, of a release to come, or meant to do harm."""
    assert decode_line(data) is None


def test_a_field_of_another_release_is_passed_over() -> None:
    """A newer runner may say more."""
    assert decode_line(encode_line(LINE).replace(b"{", b'{"new":[1],', 1)) == LINE


def test_texts_are_cut_by_bytes() -> None:
    """An ellipsis shows it, and no character is divided."""
    assert shortened("é" * 10, 20) == "é" * 10
    assert shortened("é" * 11, 20) == "é" * 8 + "…"
    assert len(shortened("é" * 999).encode()) <= 256


def test_blockers_are_few_and_short() -> None:
    """Three at most."""
    named = name_blockers(tuple("x" * 1000 for _ in range(9)))
    assert len(named) == 3
    assert all(len(name.encode()) <= 256 for name in named)


def test_a_wait_is_said_with_its_holders() -> None:
    """As far as they are known."""
    assert describe_wait("", ()) == ""
    assert describe_wait("a lock", ()) == "waits for a lock"
    assert describe_wait("a lock", ("a", "b")) == "waits for a lock held by a; b"
