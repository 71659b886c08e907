"""Locks that the text of a statement tells, and those it does not.

That they are the server's own is tested against servers.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.domain.table_lock import LockMode, TableLock
from meshmigrate.sql.split import split


def locks(text: str) -> tuple[TableLock, ...] | None:
    """Give the locks of the first statement."""
    return next(split(Script(ScriptKind.MIGRATION, "x", text))).statement.locks


@pytest.mark.parametrize(
    "text",
    [
        "DO 'BEGIN END'",
        "CALL p()",
        "SELECT f()",
        "CREATE TABLE t AS SELECT f()",
        "EXECUTE prepared",
        "CREATE EXTENSION x",
        "DROP SCHEMA s CASCADE",
        "DROP FUNCTION f CASCADE",
        "DROP OWNED BY app",
        "ALTER DOMAIN d ADD CHECK (VALUE > 0)",
        "ANALYZE",
        "CREATE SCHEMA s CREATE TABLE t (id int REFERENCES u)",
        "EXPLAIN ANALYZE DELETE FROM t",
    ],
)
def test_what_the_text_does_not_tell_is_unknown(text: str) -> None:
    """Nothing is guessed about code, or about what CASCADE reaches."""
    assert locks(text) is None


def test_a_function_of_the_system_is_no_secret() -> None:
    """Every dump sets its search path by one."""
    assert locks("SELECT pg_catalog.set_config('search_path', '', false)") == ()


def test_names_keep_their_schema_and_their_quotes() -> None:
    """As the server reads them."""
    found = locks('UPDATE "My Schema"."T" SET a = 1')
    assert found == (TableLock("My Schema", "T", LockMode.ROW_EXCLUSIVE),)


def test_several_subcommands_take_the_strongest_of_their_locks() -> None:
    """Once, from the start."""
    found = locks("ALTER TABLE ONLY t SET (fillfactor = 70), DISABLE TRIGGER USER")
    assert found == (TableLock("", "t", LockMode.SHARE_ROW_EXCLUSIVE),)


def test_equal_inserts_share_one_value() -> None:
    """A file of 200,000 of them holds it once."""
    assert locks("INSERT INTO t VALUES (1)") is locks("INSERT INTO t VALUES (2)")


@given(st.sampled_from(LockMode), st.sampled_from(LockMode))
def test_a_conflict_has_two_sides(one: LockMode, other: LockMode) -> None:
    """The manual's table of conflicts is symmetric."""
    assert (other in one.conflicts) == (one in other.conflicts)


@given(st.sampled_from(LockMode), st.sampled_from(LockMode))
def test_a_stronger_lock_conflicts_with_all_that_a_weaker_one_does(
    one: LockMode, other: LockMode
) -> None:
    """Except SHARE: it lets others have it too."""
    weak, strong = sorted((one, other))
    assert weak.conflicts <= strong.conflicts | {LockMode.SHARE}
