"""The bytes of a file become one text, the same on every system."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.source.decode import decode_script

NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")


def refusal(data: bytes) -> Refusal:
    """Give the refusal that decoding must end with."""
    with pytest.raises(Refusal) as caught:
        decode_script(data, "m/1_a.sql")
    return caught.value


@given(st.text(alphabet=NO_NUL).filter(lambda text: "\r" not in text and text[:1] != "\ufeff"))
def test_bom_and_line_ends_change_neither_text_nor_checksum(text: str) -> None:
    """A file edited on another system is the same file."""
    windows = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert decode_script(windows, "x") == decode_script(text.encode(), "x") == text
    checksums = {
        Script(ScriptKind.MIGRATION, "x", decode_script(data, "x")).checksum
        for data in (windows, text.encode())
    }
    assert len(checksums) == 1


def test_only_the_first_mark_and_whole_line_ends_are_changed() -> None:
    """What is content stays content."""
    assert decode_script("a\ufeffb\rc\n\r\nd".encode(), "x") == "a\ufeffb\rc\n\nd"


@given(st.binary())
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    """Nothing else can happen to the content of a file."""
    try:
        text = decode_script(data, "x")
    except Refusal:
        return
    assert "\0" not in text


def test_bytes_that_are_not_utf8_are_refused_with_offset_and_line() -> None:
    """A file in Latin-1 is refused where it differs from UTF-8."""
    error = refusal(b"SELECT 1;\n-- caf\xe9\n")
    assert error.reason is Reason.INVALID_ENCODING
    assert str(error) == (
        "m/1_a.sql:2: byte 0xe9 is not UTF-8 (at byte offset 16). Save the file as UTF-8."
    )


def test_utf16_is_refused() -> None:
    """The other encoding of editors is recognised by its first byte."""
    assert "at byte offset 0" in str(refusal("SELECT 1".encode("utf-16")))


def test_nul_is_refused_with_its_line() -> None:
    """PostgreSQL's text cannot hold it, and a parser in C would stop there."""
    error = refusal(b"SELECT 1;\nSELECT '\0';\n")
    assert error.reason is Reason.INVALID_ENCODING
    assert error.location is not None
    assert error.location.line == 2
