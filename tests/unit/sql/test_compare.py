"""The same statements, however they are laid out."""

import pytest

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.sql.compare import same_statements

FILE = """-- it's the first; really
CREATE TABLE "Ä" (x int); /* c; */ INSERT INTO "Ä" VALUES (1 ); -- the end

CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1; -- inside
END $$;
CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END
-- no line end"""
BODY = "$$\nBEGIN\n  PERFORM 1; -- inside\nEND $$"
STORED = [
    'CREATE TABLE "Ä"(x int)',
    'INSERT INTO\t"Ä" VALUES(1)\n-- another comment',
    f"-- comment\nCREATE FUNCTION f()\n RETURNS void LANGUAGE plpgsql AS {BODY};",
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
]


def same(text: str, stored: list[str]) -> bool:
    """Compare a text with statements."""
    return same_statements(Script(ScriptKind.MIGRATION, "m/1_a.sql", text), stored)


def test_layout_comments_and_semicolons_do_not_count() -> None:
    """However the other tool has cut and trimmed it."""
    assert same(FILE, STORED)
    assert same(FILE, ["\n;\n".join(STORED) + ";"])
    assert same(FILE, [FILE])
    assert same(FILE.replace("\n", "\n\n-- more\n", 3), STORED)


def test_another_way_to_cut_a_body_does_not_count() -> None:
    """A splitter that knows no BEGIN ATOMIC leaves pieces, which are put together again."""
    pieces = ["CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1", "SELECT 2", "END"]
    assert same(FILE, STORED[:-1] + pieces)


def test_line_ends_do_not_count_even_inside_a_body() -> None:
    """A file is read with LF, the table may have CRLF."""
    assert same(FILE, [text.replace("\n", "\r\n") for text in STORED])


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("SELECT 1", ["SELECT 2"]),
        ("SELECT 1; SELECT 2", ["SELECT 1"]),
        ("SELECT 1", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1; SELECT 2", ["SELECT 2", "SELECT 1"]),
        ("SELECT a.b", ["SELECT b"]),
        ("SELECT 'a b'", ["SELECT 'a  b'"]),
        ("SELECT ab", ["SELECT a b"]),
        ("DO $$BEGIN NULL; END$$", ["DO $$BEGIN NULL;  END$$"]),
        ("SELECT 1", []),
        ("", ["SELECT 1"]),
    ],
)
def test_anything_else_counts(text: str, stored: list[str]) -> None:
    """A name, a value, a qualification, an order, a body's text."""
    assert not same(text, stored)


def test_nothing_is_the_same_as_nothing() -> None:
    """A file of comments has no statement."""
    assert same("-- later", [])
    assert same("-- later", ["", " ;"])


@pytest.mark.parametrize("broken", ["SELEKT 1", "SELECT 'open", "\\i other.sql", "/* open"])
def test_what_cannot_be_parsed_is_not_the_same(broken: str) -> None:
    """On either side; it is not an error here."""
    assert not same(broken, [broken])
    assert not same("SELECT 1", [broken])
