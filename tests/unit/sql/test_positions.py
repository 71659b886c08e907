"""The place of an error is the one that an editor shows, whatever the file is made of."""

from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.source.decode import decode_script
from meshmigrate.sql.prepare import prepare

LINES = st.sampled_from(
    [
        "",
        "SELECT 1;",
        "SELECT 'naïve; 🐘', \"größe\" FROM t;",
        "-- é; 🐘 don't",
        "\tSELECT $é$ ; $é$;",
        "/* ü */ SELECT 2; SELECT 3;",
    ]
)
FOREGOING = st.sampled_from(["", "  ", "\t", "/* é🐘 */ ", "SELECT '🐘é'; "])
ENDS = st.sampled_from(["\n", "\r\n"])


def read(data: bytes) -> Refusal | None:
    """Read a file's bytes as a migration; give the refusal, if it is refused."""
    try:
        prepare(Script(ScriptKind.MIGRATION, "m.sql", decode_script(data, "m.sql")))
    except Refusal as refusal:
        return refusal
    return None


@given(
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    before=st.lists(st.tuples(LINES, ENDS)),
    foregoing=FOREGOING,
    after=st.lists(st.tuples(LINES, ENDS)),
)
def test_a_syntax_error_is_where_an_editor_shows_it(
    mark: bytes, before: list[tuple[str, str]], foregoing: str, after: list[tuple[str, str]]
) -> None:
    """Lines end in LF or CRLF, columns count characters, a byte order mark is no character."""
    head = "".join(line + end for line, end in before)
    tail = "".join(line + end for line, end in after)
    refusal = read(mark + f"{head}{foregoing}SELEKT 1;\n{tail}".encode())
    assert refusal is not None
    assert refusal.location is not None
    place = (refusal.location.line, refusal.location.column)
    assert place == (len(before) + 1, len(foregoing) + 1)


@given(st.binary())
def test_any_bytes_are_read_or_refused_with_a_line(data: bytes) -> None:
    """No content of a file makes the reader fail in another way."""
    refusal = read(data)
    if refusal is not None:
        assert refusal.location is not None
        assert refusal.location.line is not None


@given(before=st.lists(st.tuples(LINES, ENDS)), bad=st.sampled_from([b"\xff", b"\xc3(", b"\0"]))
def test_what_is_no_text_has_its_line(before: list[tuple[str, str]], bad: bytes) -> None:
    """Fault 38: a script that is not UTF-8, or has a NUL, is refused with the line."""
    head = "".join(line + end for line, end in before).encode()
    refusal = read(head + b"SELECT '" + bad + b"';")
    assert refusal is not None
    assert refusal.reason is Reason.INVALID_ENCODING
    assert refusal.location is not None
    assert refusal.location.line == len(before) + 1
