"""What ``meshmigrate plan`` knows of each file: its locks, its transaction, its way back."""

import json
from typing import Any

import pytest

from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import run_command, run_in_terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int, user_id int REFERENCES users);
CREATE SCHEMA "My";
CREATE TABLE "My"."T" (x int) PARTITION BY LIST (x);
CREATE TABLE "My".part PARTITION OF "My"."T" FOR VALUES IN (1);
"""


ALLOWED = "--allow-hazard=DeletesData"


@pytest.fixture(autouse=True)
def _tables(database: Database) -> None:
    database.query(TABLES)


def answer(database: Database, project: Project, *options: str) -> dict[str, Any]:
    """Give the JSON of ``meshmigrate plan``."""
    done = run_command(database, project.root, "plan", "--json", ALLOWED, *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def file(database: Database, project: Project, up: str) -> dict[str, Any]:
    """Give what the plan says of one pending file."""
    project.migration("1", up)
    (found,) = answer(database, project)["pending"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("up", "tables"),
    [
        ("CREATE TABLE new (x int); ALTER TABLE new ADD y int", {}),
        ("INSERT INTO users VALUES (1)", {"public.users": "ROW EXCLUSIVE"}),
        (
            "UPDATE orders SET id = 1; ALTER TABLE users ADD x int",
            {"public.users": "ACCESS EXCLUSIVE", "public.orders": "ROW EXCLUSIVE"},
        ),
        (
            "DROP TABLE orders",
            {"public.orders": "ACCESS EXCLUSIVE", "public.users": "ACCESS EXCLUSIVE"},
        ),
        (
            'ALTER TABLE "My"."T" ADD y int',
            {'"My"."T"': "ACCESS EXCLUSIVE", '"My".part': "ACCESS EXCLUSIVE"},
        ),
        ("CREATE INDEX CONCURRENTLY i ON users (name)", {"public.users": "SHARE UPDATE EXCLUSIVE"}),
    ],
)
def test_the_tables_are_named_as_they_are_now_with_the_strongest_lock(
    database: Database, project: Project, up: str, tables: dict[str, str]
) -> None:
    """Partitions and referenced tables too, the strongest first; what is new has nobody on it."""
    found = file(database, project, up)
    assert list(found["tables"].items()) == list(tables.items())
    assert found.get("strongestLock", "") == next(iter(tables.values()), "")
    assert found["locksUnknown"] == []


def test_where_the_text_does_not_tell_the_plan_says_so(
    database: Database, project: Project
) -> None:
    """Of a DO block and a function: with their lines, and beside what is known."""
    found = file(
        database, project, "ALTER TABLE users ADD x int;\nDO 'BEGIN END';\nSELECT now(), lower('A')"
    )
    assert found["locksUnknown"] == ["DO, line 2", "SELECT, line 3"]
    assert found["tables"] == {"public.users": "ACCESS EXCLUSIVE"}
    shown = run_command(database, project.root, "plan").stdout
    assert "unknown for DO, line 2, SELECT, line 3: lock_timeout alone" in shown


def test_a_file_runs_in_a_transaction_or_in_so_many_steps(
    database: Database, project: Project
) -> None:
    """Neighbours that one transaction holds are one step."""
    project.migration("1", "SELECT 1; SELECT 2")
    project.migration("2", "SELECT 1; SELECT 2; VACUUM users; VACUUM orders; SELECT 3")
    found = answer(database, project)["pending"]
    assert [(one["transactional"], one["steps"]) for one in found] == [(True, 1), (False, 4)]


def test_a_batch_tells_what_it_holds_until_its_end(database: Database, project: Project) -> None:
    """Each table with the strongest lock that any of its files takes."""
    project.migration("1", "UPDATE users SET name = 'x'; UPDATE orders SET id = 1")
    project.migration("2", "CREATE INDEX ON users (name)")
    found = answer(database, project)
    assert found["transactionMode"] == "Batch"
    assert found["transactionModeReason"].startswith("version 1 cannot be taken back by itself")
    assert found["heldUntilEnd"] == {"public.users": "SHARE", "public.orders": "ROW EXCLUSIVE"}
    assert found["rollbackReady"]["reason"] == "Transactional"
    each = answer(database, project, "--transaction-mode=PerFile")
    assert (each["transactionMode"], each["heldUntilEnd"]) == ("PerFile", {})
    assert each["rollbackReady"]["ready"] is False


def test_the_way_back_of_each_version_and_of_all_is_told(
    database: Database, project: Project
) -> None:
    """Before anything runs, with the data that would be lost."""
    project.migration("1", "ALTER TABLE users DROP name", "ALTER TABLE users ADD name text")
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("3", "VACUUM users")
    found = answer(database, project)
    first, second, third = (one["rollback"] for one in found["pending"])
    assert (first["ready"], first["reason"]) == (False, "DataLoss")
    assert first["dataNotRestored"] == ["column users.name, dropped"]
    assert (second["ready"], second["reason"]) == (True, "ScriptUnverified")
    assert (third["ready"], third["reason"]) == (True, "Transactional")
    ready = found["rollbackReady"]
    assert (ready["ready"], ready["reason"]) == (False, "DataLoss")
    assert "version 1: its rollback script does not bring back" in ready["message"]


def test_the_plan_has_the_mode_and_the_words_of_the_run(
    database: Database, project: Project
) -> None:
    """What was planned is what is done and stored."""
    project.migration("1", "UPDATE users SET name = 'x'", "SELECT 1").migration("2", "SELECT 1")
    found = answer(database, project)
    done = attempt(database, make_spec(project)).result
    assert done.transaction_mode == found["transactionMode"] == "Batch"
    assert done.rollback_ready is not None
    assert done.rollback_ready.message == found["rollbackReady"]["message"]
    message = database.scalar("SELECT message FROM meshmigrate.log WHERE event = 'Started'")
    assert found["transactionModeReason"] in message


def test_a_batch_that_is_impossible_is_refused_by_the_plan_too(
    database: Database, project: Project
) -> None:
    """With the same exit code and place."""
    project.migration("1", "SELECT 1").migration("2", "SELECT 1;\nVACUUM users")
    done = run_command(database, project.root, "plan", "--transaction-mode=Batch", "--json")
    problem = json.loads(done.stdout)
    assert (done.returncode, problem["reason"]) == (10, "BatchImpossible")
    assert (problem["failure"]["file"], problem["failure"]["line"]) == ("migrations/2_m.sql", 2)


def test_the_search_for_tables_leaves_nothing_in_the_session(
    database: Database, project: Project
) -> None:
    """Names are found in the role's own search path, and the ledger is found afterwards."""
    database.query('CREATE TABLE "My".only_here (x int)')
    database.query(f'ALTER ROLE app IN DATABASE {database.name} SET search_path = "My", public')
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    project.migration("2", "ALTER TABLE only_here ADD y int")
    found = answer(database, project)
    assert found["currentVersion"] == "1"
    assert found["pending"][0]["tables"] == {'"My".only_here': "ACCESS EXCLUSIVE"}


def test_a_terminal_shows_mode_locks_and_way_back(database: Database, project: Project) -> None:
    """In a table that stays readable at 100 columns."""
    project.migration("1", "UPDATE users SET name = 'x'").migration("2", "SELECT 1")
    shown, code = run_in_terminal(database, project.root, "plan")
    assert code == 0
    for part in ("Batch: version 1", "held until the end", "ROW EXCLUSIVE", "Transactional"):
        assert part in shown
    assert max(map(len, shown.splitlines())) <= 100
