"""A script knows its checksum and where its characters are."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.script import Script, ScriptKind


def test_the_checksum_is_that_of_the_bytes() -> None:
    """Anyone can compute it with sha256sum."""
    script = Script(ScriptKind.MIGRATION, "x", "SELECT 'é';\n")
    digest = hashlib.sha256(b"SELECT '\xc3\xa9';\n").hexdigest()
    assert script.checksum == f"sha256:{digest}"


@given(st.text(alphabet="aé🐘\n"), st.data())
def test_a_place_is_line_and_column_in_characters(text: str, data: st.DataObject) -> None:
    """Both count from 1, and a line is what ends in a line feed."""
    offset = data.draw(st.integers(0, len(text)))
    location = Script(ScriptKind.MIGRATION, "x", text).location(offset)
    assert location.line is not None
    assert location.column is not None
    lines = text.split("\n")
    before = sum(len(line) + 1 for line in lines[: location.line - 1])
    assert before + location.column - 1 == offset
    assert location.column <= len(lines[location.line - 1]) + 1
