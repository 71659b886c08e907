"""Data statements go to the server in batches, and each still has its result and its place."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, make_spec

_COUNT = 3000


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
