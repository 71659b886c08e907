"""What a statement does, without what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.sql.outline import outline


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        (
            "ALTER TABLE a\n  ADD COLUMN note varchar(20) DEFAULT 'secret', -- why\n ADD b int",
            "ALTER TABLE a ADD COLUMN note varchar(…) DEFAULT …, ADD b int",
        ),
        ("UPDATE users SET pin = 4711, x = 1.5 /* his */ WHERE id = -7", None),
        ("CREATE USER app PASSWORD 'hunter2'", "CREATE USER app PASSWORD …"),
        ("SELECT E'a\\'b', U&'x', B'01', X'1F', $$ body $$, $f$ x $f$, n'y'", None),
        ("DO $$BEGIN PERFORM 'secret'; END$$", "DO …"),
        ('SELECT "Quoted name", é FROM t.u', 'SELECT "Quoted name", é FROM t.u'),
    ],
)
def test_every_constant_is_hidden_and_every_name_is_shown(
    statement: str, shown: str | None
) -> None:
    """On one line, without comments: a name is no secret, a constant may be one."""
    found = outline(statement)
    if shown is not None:
        assert found == shown
    assert "\n" not in found
    for hidden in ("secret", "4711", "1.5", "7", "hunter2", "body", "why", "his", "01", "1F"):
        assert hidden not in found


def test_what_is_too_long_or_no_sql_is_not_shown() -> None:
    """Nothing is better than half a constant."""
    assert outline("INSERT INTO a VALUES ('" + "x" * 20_000 + "')") == ""
    assert outline("SELECT 'no end") == ""


@given(st.text(alphabet=st.characters(exclude_characters="\0"), max_size=40))
def test_no_text_constant_gets_through(value: str) -> None:
    """Whatever it holds: quotes are doubled as everybody writes them."""
    quoted = value.replace("'", "''")
    assert outline(f"SELECT '{quoted}' AS a") in {"SELECT … AS a", ""}
