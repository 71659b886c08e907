"""Versions are numbers that remember how they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.version import Version, parse_target

DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=20)


@given(DIGITS, DIGITS)
def test_versions_compare_by_number(first: str, second: str) -> None:
    """Order, equality and hash ignore leading zeros."""
    a, b = Version(first), Version(second)
    assert (a < b) == (int(first) < int(second))
    assert (a >= b) == (int(first) >= int(second))
    assert (a == b) == (int(first) == int(second))
    assert (a != b) == (int(first) != int(second))
    assert len({a, b}) == len({int(first), int(second)})


def test_a_version_with_other_zeros_is_not_another_one() -> None:
    """Asked either way."""
    assert Version("7") == Version("007")
    assert not Version("7") != Version("007")  # noqa: SIM202  what the operator says is the claim


def test_a_version_is_shown_as_written() -> None:
    """The name in a message is the name of the file."""
    assert str(Version("007")) == "007"


@pytest.mark.parametrize("text", ["", "1a", "-1", "1.0", " 1", "٣", "²"])
def test_only_ascii_digits_are_a_version(text: str) -> None:
    """What Python calls a digit elsewhere in Unicode is none in a file name."""
    with pytest.raises(ValueError, match="digits only"):
        Version(text)


def test_a_target_is_latest_or_a_version() -> None:
    """None stands for everything there is; a manifest may write the number as one."""
    assert parse_target("latest") is None
    assert parse_target("0042") == parse_target(42) == Version("42")


def test_another_target_is_refused_with_both_forms() -> None:
    """The message says what a target looks like."""
    with pytest.raises(ValueError, match="'latest' or a version, not 'newest'"):
        parse_target("newest")
