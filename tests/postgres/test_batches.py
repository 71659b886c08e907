"""Data statements go to the server in batches, and each still has its result and its place."""

from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy, TransactionMode
from tests.postgres.harness import Database, Project, attempt, make_spec

_COUNT = 3000
_SINCE_17: Final = "WHEN NOT MATCHED BY SOURCE THEN DELETE;\n"


def _inserts(*, bad: str, at: int) -> str:
    into = "INSERT INTO rows (id, name)"
    rows = [f"{into} VALUES ({n}, 'größer {n}');" for n in range(_COUNT)]
    rows[at] = bad
    return "CREATE TABLE rows (id integer PRIMARY KEY, name text);\n" + "\n".join(rows) + "\n"


def test_every_statement_of_a_large_file_is_run_once(database: Database, project: Project) -> None:
    """A file of 3,000 INSERTs leaves 3,000 rows, in the order of the file."""
    last = "INSERT INTO rows SELECT max(id) + 1, 'last' FROM rows;"
    project.migration("1", _inserts(bad=last, at=_COUNT - 1))
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    found = database.query("SELECT count(*), max(id), max(name) FILTER (WHERE id = 0) FROM rows")
    assert found == [(_COUNT, _COUNT - 1, "größer 0")]


@pytest.mark.parametrize("at", [0, 1, 2, 1500, _COUNT - 1])
@pytest.mark.parametrize(
    "wrong",
    [
        ("INSERT INTO rows (id, näme) VALUES (1, 'ä');", 23, "42703"),
        ("INSERT INTO rows (id, name) VALUES (NULL, 'ä');", 1, "23502"),
        ("/* ä */ UPDATE rows SET name = nowhere;", 32, "42703"),
    ],
)
def test_an_error_in_a_batch_is_told_with_its_own_place(
    database: Database, project: Project, wrong: tuple[str, int, str], at: int
) -> None:
    """File, line and column are those of the statement that failed, wherever it stands."""
    bad, column, sqlstate = wrong
    project.migration("1", _inserts(bad=bad, at=at))
    failure = attempt(database, make_spec(project)).result.failure
    assert failure is not None
    place = (failure.file, failure.line, failure.column, failure.sqlstate)
    assert place == ("migrations/1_m.sql", at + 2, column, sqlstate)
    assert failure.statement == bad.rpartition("*/ ")[2].partition(" ")[0]


def test_nothing_of_a_file_stays_when_a_statement_of_a_batch_fails(
    database: Database, project: Project
) -> None:
    """The statements before it are rolled back, those after it are not run."""
    project.migration("1", "CREATE TABLE rows (id integer PRIMARY KEY, name text);")
    project.migration("2", _inserts(bad="SELECT 1/0;", at=2000).partition("\n")[2])
    policy = Policy(transaction_mode="PerFile")
    assert attempt(database, make_spec(project, policy=policy)).outcome is Outcome.HALTED
    assert database.scalar("SELECT count(*) FROM rows") == 0


def test_a_character_that_the_scripts_own_encoding_lacks_is_found_in_a_batch(
    database: Database, project: Project
) -> None:
    """The statement with the character is named, not the first one of its batch."""
    bad = "INSERT INTO rows VALUES (1000, '語');"
    project.migration("1", "SET client_encoding = 'LATIN1';\n" + _inserts(bad=bad, at=40))
    done = attempt(database, make_spec(project)).result
    assert done.failure is not None
    assert (done.reason, done.failure.line) == ("InvalidEncoding", 43)


def test_a_statement_may_end_in_a_comment(database: Database, project: Project) -> None:
    """What is sent behind it is not a part of that."""
    rows = "INSERT INTO a VALUES (1) -- one\n;" * 5
    project.migration("1", f"CREATE TABLE a (x int) -- the table\n; {rows} ANALYZE a -- the end")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.scalar("SELECT count(*) FROM a") == 5


def test_many_statements_in_one_message_do_not_outlast_the_deadline(
    database: Database, project: Project
) -> None:
    """Each of them is quick enough by itself; quick ones before them have made the batch large."""
    slow = "INSERT INTO rows SELECT 1 FROM pg_sleep(0.5);\n"
    quick = "INSERT INTO rows VALUES (1);\n"
    project.migration("1", "CREATE TABLE rows (x int);\n" + quick * 126 + slow * 128)
    done = attempt(database, make_spec(project, policy=Policy(deadline_seconds=3))).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.DEADLINE_EXCEEDED)
    assert done.failure is not None
    assert 127 < (done.failure.line or 0) < 140


@pytest.mark.every_version
@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
@pytest.mark.parametrize("at", [2, 0, 40])
def test_syntax_that_the_server_is_too_old_for_has_its_place(
    database: Database, project: Project, mode: TransactionMode, at: int
) -> None:
    """The server cannot read the message at all, so nothing of it has run before that."""
    rows = ["-- one\n-- two\nINSERT INTO rows (name) VALUES ('é');\n"] * 50
    rows[at] = "-- one\n-- two\nMERGE INTO rows USING rows AS r ON true\n" + _SINCE_17
    project.migration("1", "CREATE TABLE rows (id int, name text)")
    project.migration("2", "".join(rows))
    policy = Policy(transaction_mode=mode, on_failure="Halt")
    done = attempt(database, make_spec(project, policy=policy)).result
    if database.server.version in {"17", "18"}:
        assert done.outcome is Outcome.SUCCEEDED
        return
    assert done.failure is not None, done.message
    assert (done.reason, done.failure.file) == (Reason.STATEMENT_FAILED, "migrations/2_m.sql")
    line = done.failure.line or 0
    assert 3 * at + 3 <= line <= 3 * at + 4, done.failure


_RULES: Final = """
CREATE TABLE rows (x int);
CREATE RULE a AS ON INSERT TO rows DO ALSO SELECT pg_notify('a', '');
CREATE RULE b AS ON INSERT TO rows DO ALSO SELECT pg_notify('b', '');
"""


@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
@pytest.mark.parametrize("more", ["", "INSERT INTO rows VALUES (2)"])
def test_rules_that_give_rows_do_not_move_the_place_of_an_error(
    database: Database, project: Project, mode: TransactionMode, more: str
) -> None:
    """An INSERT has three results then."""
    project.migration("1", _RULES)
    wrong = "INSERT INTO rows VALUES (1/(SELECT 0));\n"
    project.migration("2", "INSERT INTO rows VALUES (1);\n" * 2 + wrong + more)
    policy = Policy(transaction_mode=mode, on_failure="Halt")
    done = attempt(database, make_spec(project, policy=policy)).result
    assert done.failure is not None
    place = (done.failure.file, done.failure.line, done.failure.sqlstate)
    assert place == ("migrations/2_m.sql", 3, "22012")
