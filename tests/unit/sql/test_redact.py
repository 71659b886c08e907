"""Messages are shown with their names and without their values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.sql.redact import redact


@pytest.mark.parametrize(
    ("message", "statement", "shown"),
    [
        (
            'invalid input syntax for type integer: "s3cret"',
            "INSERT INTO t (n) SELECT note::int FROM u",
            'invalid input syntax for type integer: "…"',
        ),
        (
            'malformed array literal: "{"t","s3cret"}"',
            "INSERT INTO t SELECT a::int[] FROM u",
            'malformed array literal: "…"',
        ),
        (
            'column "note" of relation "Big Table" contains null values',
            'ALTER TABLE "Big Table" ALTER COLUMN NOTE SET NOT NULL',
            'column "note" of relation "Big Table" contains null values',
        ),
        (
            'null value in column "email" of relation "users" violates not-null constraint',
            "INSERT INTO users VALUES (1)",
            'null value in column "…" of relation "users" violates not-null constraint',
        ),
        (
            'relation "public.things" does not exist',
            "SELECT 1 FROM public.things",
            'relation "public.things" does not exist',
        ),
        (
            'invalid value "s3"cret" for "YYYY"',
            "SELECT to_date(note, 'YYYY') FROM t",
            "invalid value …",
        ),
        (
            'invalid value "a" s3cret "b" for "YYYY"',
            "SELECT to_date(note, 'YYYY') FROM t",
            'invalid value "…"',
        ),
        (
            'column "amount" does not exist',
            "DO $$ BEGIN PERFORM amount; END $$",
            'column "amount" does not exist',
        ),
        (
            'invalid input syntax for type integer: "s3cret"',
            "DO $$ BEGIN PERFORM 's3cret'::int; END $$",
            'invalid input syntax for type integer: "…"',
        ),
        (
            'invalid input syntax for type integer: "s3cret"',
            "INSERT INTO t VALUES ($$s3cret$$)",
            'invalid input syntax for type integer: "…"',
        ),
        (
            'invalid input syntax for type integer: "s3cret"',
            "SELECT 1 -- s3cret",
            'invalid input syntax for type integer: "…"',
        ),
        (
            "syntaxe en entrée invalide pour le type integer : « s3cret »",
            "SELECT note::int FROM t",
            'syntaxe en entrée invalide pour le type integer : "…"',
        ),
        (
            "ungültige Eingabesyntax für Typ integer: »s3cret«",
            "SELECT note::int FROM t",
            'ungültige Eingabesyntax für Typ integer: "…"',
        ),
        (
            "Spalte »nope« existiert nicht",
            "SELECT nope FROM t",
            "Spalte »nope« existiert nicht",
        ),
        (
            "ungültige Eingabesyntax für Typ integer: „s3cret“",
            "SELECT note::int FROM t",
            'ungültige Eingabesyntax für Typ integer: "…"',
        ),
        ("division by zero", "SELECT 1/0", "division by zero"),
    ],
)
def test_values_are_hidden_and_names_are_shown(message: str, statement: str, shown: str) -> None:
    """A quoted part is shown only if it is a name in the statement."""
    assert redact(message, statement, author_raised=False) == shown


@given(st.text(min_size=1).map(lambda text: f"<{text}>"))
def test_no_value_gets_through_whatever_it_is_made_of(value: str) -> None:
    """Quotes, colons and line breaks within a value do not let it out, in any language."""
    for opening, closing in ('""', "«»", "»«", "„“", "“”"):
        message = f"invalid input syntax for type integer: {opening}{value}{closing}"
        assert value not in redact(message, "SELECT a::int FROM t", author_raised=False)


@given(st.text(), st.text(), st.booleans())
def test_any_message_gives_a_bounded_text(message: str, statement: str, author: bool) -> None:
    """No message and no statement, however odd, does anything but give a short text."""
    assert len(redact(message * 9, statement, author_raised=author)) <= 1000


def test_what_the_author_raised_is_shown() -> None:
    """The text of a RAISE was written to be read."""
    message = 'tenant "acme" has no owner'
    assert redact(message, "SELECT 1", author_raised=True) == message


def test_a_huge_message_is_cut() -> None:
    """A RAISE of a megabyte becomes a text that fits a status."""
    shown = redact("é" * 1_000_000, "SELECT 1", author_raised=True)
    assert len(shown) == 1000
    assert shown.endswith("…")


def test_names_are_not_searched_in_a_huge_statement() -> None:
    """Hiding too much is the price of not spending a gigabyte on one message."""
    statement = "INSERT INTO users VALUES " + "(1)," * 100_000
    assert redact('relation "users" x', statement, author_raised=False) == 'relation "…" x'
