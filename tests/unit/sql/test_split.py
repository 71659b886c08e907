"""Scripts fall apart into statements exactly where PostgreSQL says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.sql.prepare import prepare

BEGIN_ATOMIC = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"

STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "INSERT INTO things VALUES ('naïve; 🐘')",
        "CREATE TABLE \"größe;\" (id int DEFAULT 1, note text DEFAULT '--x')",
        "DO $body$ BEGIN PERFORM 'é;'; -- it's\n END $body$",
        "UPDATE things SET note = E'it\\'s; \\\\'",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "CREATE RULE r AS ON INSERT TO things DO ALSO (SELECT 1; SELECT 2)",
        BEGIN_ATOMIC,
    ]
)
BETWEEN = st.sampled_from(
    [";", ";\n", " ;\n\n", "; -- don't; é\n", ";;\n", ";\n/* a; /* b */ 🐘 */\n"]
)


def migration(text: str) -> Script:
    """Give a script of that text."""
    return Script(ScriptKind.MIGRATION, "migrations/001_x.sql", text)


def attempt(script: str) -> tuple[Statement, ...] | Refusal:
    """Give the statements of a script, or why there are none."""
    try:
        return prepare(migration(script))
    except Refusal as refusal:
        return refusal


def texts(script: str) -> list[str]:
    """Give the texts of a script's statements."""
    return [statement.text for statement in prepare(migration(script))]


def refusal(script: str) -> Refusal:
    """Give the refusal that a script must end with."""
    found = attempt(script)
    assert isinstance(found, Refusal)
    return found


@given(st.lists(st.tuples(STATEMENTS, BETWEEN)))
def test_statements_come_back_as_written_with_exact_offsets(parts: list[tuple[str, str]]) -> None:
    """Each statement has its own text and its place, counted in characters."""
    script = "".join(statement + between for statement, between in parts)
    found = prepare(migration(script))
    assert [statement.text for statement in found] == [statement for statement, _ in parts]
    assert all(script.startswith(statement.text, statement.offset) for statement in found)


@given(st.lists(st.tuples(STATEMENTS, BETWEEN)))
def test_nothing_but_comments_and_separators_is_left_over(parts: list[tuple[str, str]]) -> None:
    """What no statement covers is white space, semicolons and comments."""
    script = "".join(statement + between for statement, between in parts)
    rest = script
    for statement in reversed(prepare(migration(script))):
        rest = rest[: statement.offset] + rest[statement.offset + len(statement.text) :]
    assert not re.sub(r"--[^\n]*|/\*.*\*/|[;\s]", "", rest)


@given(st.text())
def test_any_text_is_split_or_refused_with_a_place(text: str) -> None:
    """The parser never fails otherwise, whatever it is given."""
    found = attempt(text)
    if isinstance(found, Refusal):
        assert found.location is not None
        assert found.location.line is not None
        assert found.location.column is not None


@given(st.text(alphabet="';$-/*()\\\n ab\"é"))
def test_text_full_of_quotes_is_split_or_refused(text: str) -> None:
    """Half-open quotes, comments and parentheses are refused, nothing else happens."""
    found = attempt(text)
    if isinstance(found, Refusal):
        assert found.reason in {Reason.SYNTAX_ERROR, Reason.PSQL_META_COMMAND}


@pytest.mark.parametrize("text", ["", "\n", "-- nothing yet", ";;\n;", "/* a; b */"])
def test_a_file_without_a_statement_is_empty(text: str) -> None:
    """A file of comments is allowed and holds no statement."""
    assert texts(text) == []


def test_the_last_statement_needs_no_semicolon_and_no_newline() -> None:
    """A file may end in the middle of a line, even in a comment."""
    assert texts("SELECT 1; SELECT 2") == ["SELECT 1", "SELECT 2"]
    assert texts("SELECT 1;\nSELECT 2 -- the end") == ["SELECT 1", "SELECT 2 -- the end"]
    assert texts("SELECT 1; -- the end") == ["SELECT 1"]


def test_a_begin_atomic_body_stays_whole() -> None:
    """The semicolons of a function body in SQL do not end the function."""
    assert texts(f"{BEGIN_ATOMIC};\nSELECT 3;") == [BEGIN_ATOMIC, "SELECT 3"]


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("SELECT é frm t x y", 1, 14, 'syntax error at or near "t"'),
        ("-- 🐘\nSELECT 'é';\nSELECT 'é', FROM;", 3, 13, 'syntax error at or near "FROM"'),
        ("SELECT (", 1, 9, "syntax error at end of input"),
        ("SELECT 1 +\n\n\n", 1, 11, "syntax error at end of input"),
        ("SELECT 1;\n SELECT 'open;\nSELECT 2;", 2, 9, "unterminated quoted string"),
        ("SELECT $$ secret", 1, 8, "unterminated dollar-quoted string"),
        ("SELECT 12a", 1, 8, "trailing junk after numeric literal"),
        ("SELECT 1 SELECT 2", 1, 17, "syntax error"),
    ],
)
def test_a_syntax_error_has_line_and_column_in_characters(
    text: str, line: int, column: int, message: str
) -> None:
    """The place is exact behind multi-byte text, and the message repeats no literal."""
    error = refusal(text)
    assert error.reason is Reason.SYNTAX_ERROR
    assert error.location is not None
    assert (error.location.line, error.location.column) == (line, column)
    assert error.message == message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\\i other.sql\n", 1),
        ("SELECT 1;\n\\connect postgres\nSELECT 2;", 2),
        ("\\echo it's here\nSELECT 1;", 1),
        ("SELECT 1\n\\gexec", 2),
    ],
)
def test_a_psql_command_is_refused_as_such(text: str, line: int) -> None:
    """A backslash command is named for what it is, with its line."""
    error = refusal(text)
    assert error.reason is Reason.PSQL_META_COMMAND
    assert error.location is not None
    assert error.location.line == line


@pytest.mark.parametrize(
    "text",
    ["SELECT '\n\\i x'", "DO $$ BEGIN\n\\i; END $$", "-- \\i x\nSELECT 1", "/*\n\\i x */ SELECT 1"],
)
def test_a_backslash_in_quotes_or_comments_is_text(text: str) -> None:
    """What is no command to psql is none here."""
    assert len(texts(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        " || ".join(["SELECT 'a'"] + ["'b'"] * 3000),
        " UNION ALL ".join(["SELECT 1"] * 500),
        "SELECT " + "(SELECT " * 200 + "1" + ")" * 200,
    ],
)
def test_deeply_nested_statements_are_read(text: str) -> None:
    """A long sum or union is a deep tree, and still one statement."""
    assert texts(text) == [text]


def test_nesting_beyond_the_parser_is_refused() -> None:
    """The parser's own limit is a refusal with a place, not a crash."""
    error = refusal("SELECT 1;\nSELECT " + "(" * 20_000)
    assert error.reason is Reason.SYNTAX_ERROR
    assert error.message == 'memory exhausted at or near "("'


def test_large_files_are_split_like_small_ones() -> None:
    """A file of many pieces has the offsets of its parts, wherever the pieces end."""
    body = "DO $$ BEGIN\n" + "  PERFORM 'é';\n" * 30_000 + "END $$"
    atomic = f"{BEGIN_ATOMIC[:-3]}\n" + "SELECT 3;\n" * 30_000 + "END"
    rows = [f"INSERT INTO t VALUES ({n}, 'é;\n')" for n in range(20_000)]  # noqa: S608  never sent
    parts = [*rows, body, *rows, atomic, *rows]
    script = ";\n".join(parts)
    found = prepare(migration(script))
    assert [statement.text for statement in found] == parts
    assert all(script.startswith(statement.text, statement.offset) for statement in found)


def test_an_error_far_behind_in_a_large_file_has_its_line() -> None:
    """The place of an error is that of the file, not of the piece it was read in."""
    error = refusal(
        "INSERT INTO t VALUES ('é');\n" * 30_000 + "SELCT 1;\n" + "SELECT 1;\n" * 30_000
    )
    assert error.location is not None
    assert (error.location.line, error.location.column) == (30_001, 1)
