"""Files that delete data are refused before anything runs, unless somebody says it is meant."""

import json
from uuid import uuid4

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Access, HazardPolicy, Policy, RunIdentity
from meshmigrate.engine.events import EventName
from tests.postgres.harness import ALLOW, ALLOWED, Attempt, Database, Project, attempt, make_spec
from tests.postgres.processes import run_command

TOLD_ONLY = HazardPolicy(enforce=())
WHAT = "DROP TABLE deletes data (table users, dropped)"


@pytest.fixture
def users(database: Database, project: Project) -> Project:
    """Give a database with a table, and a project whose second file drops it."""
    database.query("CREATE TABLE users (id int, name text); INSERT INTO users VALUES (1, 'ann')")
    return project.migration("1", "CREATE TABLE a (x int)").migration("2", "DROP TABLE users")


def migrate(
    database: Database, project: Project, hazards: HazardPolicy | None = None, **fields: object
) -> Attempt:
    """Apply what is pending."""
    spec = make_spec(project, policy=Policy(hazards=hazards or HazardPolicy()))
    return attempt(database, replace(spec, **fields))


def written(database: Database) -> list[str]:
    """Give what the log says of hazards."""
    rows = database.query("SELECT message FROM meshmigrate.log WHERE event = 'Hazard' ORDER BY id")
    return [message for (message,) in rows]


def test_a_run_that_deletes_data_is_refused_before_anything_runs(
    database: Database, users: Project
) -> None:
    """No ledger is made; place, statement and object are named, and the line that allows it."""
    before = database.dump()
    done = migrate(database, users).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.HAZARD_NOT_ALLOWED)
    assert done.failure is not None
    failure = done.failure
    assert (failure.file, failure.line, failure.column) == ("migrations/2_m.sql", 1, 1)
    assert failure.statement == "DROP TABLE"
    assert f"{WHAT}, which is not allowed" in failure.message
    assert "`-- meshmigrate: allow DeletesData table users, dropped: " in failure.hint
    assert "--allow-hazard DeletesData" in failure.hint
    assert database.dump() == before
    assert not database.has_ledger


def test_the_line_of_the_refusal_pasted_into_the_file_allows_it(
    database: Database, users: Project
) -> None:
    """The reason goes into the log of the database, and into that of the runner."""
    refused = migrate(database, users).result
    assert refused.failure is not None
    line = refused.failure.hint.split("`")[1]
    done = migrate(database, users.migration("2", f"{line}\nDROP TABLE users"))
    assert done.outcome is Outcome.SUCCEEDED
    (told,) = (event for event in done.events if event.name is EventName.HAZARD)
    why = "allowed by the file: table users, dropped: not needed any more"
    assert (told.warning, told.message) == (False, f"version 2: {WHAT}; {why}")
    assert (told.file, told.line) == ("migrations/2_m.sql", 2)
    assert written(database) == [f"migrations/2_m.sql:2:1: {WHAT}\n{why}"]


def test_a_whole_run_can_be_allowed_to(database: Database, users: Project) -> None:
    """By its policy."""
    done = migrate(database, users, ALLOWED)
    assert done.outcome is Outcome.SUCCEEDED
    assert written(database) == [f"migrations/2_m.sql:1:1: {WHAT}\nallowed for this run"]
    assert not [event for event in done.events if event.name is EventName.HAZARD and event.warning]


def test_what_is_not_enforced_is_told_as_a_warning(database: Database, users: Project) -> None:
    """And written down."""
    done = migrate(database, users, TOLD_ONLY)
    assert done.outcome is Outcome.SUCCEEDED
    (told,) = (event for event in done.events if event.name is EventName.HAZARD)
    assert (told.warning, told.version) == (True, "2")
    assert told.message == f"version 2: {WHAT}; not enforced"
    assert written(database) == [f"migrations/2_m.sql:1:1: {WHAT}\nnot enforced"]


def test_a_file_that_deletes_much_is_told_once(database: Database, project: Project) -> None:
    """Ten things and how many more; the log in the database has all of them in one row."""
    names = [f"t{number}" for number in range(12)]
    database.query("; ".join(f"CREATE TABLE {name} ()" for name in names))
    drops = ";\n".join(f"DROP TABLE {name}" for name in names)
    done = migrate(database, project.migration("1", f"{ALLOW}{drops}"))
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    (told,) = (event for event in done.events if event.name is EventName.HAZARD)
    assert "(table t9, dropped); and 2 more; allowed by the file: " in told.message
    (row,) = written(database)
    assert len(row.splitlines()) == 13


def test_what_is_refused_with_a_ledger_leaves_a_row_of_its_log(
    database: Database, users: Project
) -> None:
    """As any refusal; the history stays as it was."""
    assert migrate(database, users, target="1").outcome is Outcome.SUCCEEDED
    assert migrate(database, users).outcome is Outcome.REFUSED
    assert database.versions == ["1"]
    assert ("Refused", None) in database.log
    assert database.scalar("SELECT count(*) FROM users") == 1


THERE = """
CREATE SCHEMA shop; CREATE TABLE shop.orders (id int, note text); CREATE VIEW shop.v AS SELECT 1;
CREATE TYPE shop.mood AS ENUM ('good'); CREATE TABLE shop.moods (mood shop.mood);
CREATE TABLE public.logs (id int)
"""


@pytest.mark.parametrize(
    "up",
    [
        "DROP TABLE IF EXISTS shop.orders",
        "ALTER TABLE shop.orders DROP note",
        "DELETE FROM shop.orders WHERE id = 1",
        "TRUNCATE logs",
        "DROP SCHEMA shop CASCADE",
        "DROP TYPE shop.mood CASCADE",
        "SET search_path = shop; DELETE FROM orders",
        "CREATE SCHEMA s; ALTER TABLE logs SET SCHEMA s; DROP SCHEMA s CASCADE",
        "DO $$ BEGIN IF true THEN DELETE FROM logs; END IF; END $$",
    ],
)
def test_what_is_there_is_found_as_it_is_named(
    database: Database, project: Project, up: str
) -> None:
    """Qualified or not, whatever path the file sets."""
    database.query(THERE)
    done = migrate(database, project.migration("1", up)).result
    assert done.reason == Reason.HAZARD_NOT_ALLOWED


@pytest.mark.parametrize(
    "up",
    [
        "DROP TABLE IF EXISTS fresh; CREATE TABLE fresh (x int); DELETE FROM fresh",
        "CREATE TABLE IF NOT EXISTS fresh (x int); DROP TABLE public.fresh",
        "ALTER TABLE shop.orders DROP COLUMN IF EXISTS fresh",
        "CREATE SCHEMA IF NOT EXISTS fresh; DROP SCHEMA fresh CASCADE",
        "DROP EXTENSION IF EXISTS hstore CASCADE",
        "DROP TYPE IF EXISTS shop.fresh CASCADE",
        "CREATE TEMP TABLE logs (x int); DROP TABLE logs",
        "UPDATE shop.orders SET note = ''",
    ],
)
def test_what_was_not_there_before_does_not_count(
    database: Database, project: Project, up: str
) -> None:
    """Nobody has to allow what loses nothing."""
    database.query(THERE)
    project.migration("1", up).migration("2", "DROP TABLE IF EXISTS shop.fresh")
    done = migrate(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert written(database) == []


def test_a_whole_history_on_an_empty_database_needs_no_leave(
    database: Database, project: Project
) -> None:
    """What an old file drops an older one has made; each of them is where it was."""
    project.migration("1", "CREATE TABLE IF NOT EXISTS public.users (id int, name text)")
    project.migration("2", "ALTER TABLE users DROP COLUMN name")
    project.migration("3", "ALTER TABLE users RENAME TO people; DELETE FROM people")
    project.migration("4", "DROP TABLE public.people")
    assert migrate(database, project).outcome is Outcome.SUCCEEDED


def test_a_file_of_another_role_s_search_path_is_judged_alike(
    database: Database, project: Project
) -> None:
    """The name counts, in whatever schema it is."""
    database.query("CREATE SCHEMA shop; CREATE TABLE shop.users (id int)")
    access = Access(search_path=("shop",))
    spec = make_spec(project.migration("1", "DROP TABLE users"))
    done = attempt(database, replace(spec, database=access))
    assert done.result.reason == Reason.HAZARD_NOT_ALLOWED


def test_a_run_that_was_allowed_is_not_asked_again(database: Database, users: Project) -> None:
    """Neither what it lost is there any more, nor is it refused in a later attempt."""
    users.migration("2", f"{ALLOW}DROP TABLE users").migration("3", "SELECT 1/0")
    run = RunIdentity(id=uuid4())
    halted = Policy(on_failure="Halt")
    spec = replace(make_spec(users, policy=halted), run=run)
    assert attempt(database, spec).outcome is Outcome.HALTED
    users.migration("3", "SELECT 1")
    assert migrate(database, users).outcome is Outcome.SUCCEEDED
    assert len(written(database)) == 1


def test_going_back_is_meant_to_take_away(database: Database, project: Project) -> None:
    """Rollback scripts are not asked."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert migrate(database, project).outcome is Outcome.SUCCEEDED
    assert run_command(database, project.root, "rollback", "--to", "0").returncode == 0


def test_a_plan_shows_hazards_and_is_refused_for_them(database: Database, users: Project) -> None:
    """By file, with the reason; and in the summary that a person approves."""
    assert run_command(database, users.root, "plan").returncode == 10
    users.migration("2", f"{ALLOW}DROP TABLE users")
    shown = run_command(database, users.root, "plan", "--json")
    assert shown.returncode == 0, shown.stdout
    _, second = json.loads(shown.stdout)["pending"]
    assert second["hazards"] == [
        {
            "hazard": "DeletesData",
            "what": "table users, dropped",
            "statement": "DROP TABLE",
            "line": 2,
            "column": 1,
            "answer": "AllowedByFile",
            "reason": "it has served its turn",
        }
    ]
    text = run_command(database, users.root, "plan").stdout
    assert "hazard\tmigrations/2_m.sql:2:1\tDeletesData\tDROP TABLE: table users, dropped\t" in text
    assert "by the file: it has served its turn" in text
    planned = migrate(database, users, run=RunIdentity(id=uuid4(), intent="plan")).result.plan
    assert planned is not None
    assert planned.hazards == (f"version 2: {WHAT}; allowed by the file: it has served its turn",)


def test_the_command_line_allows_by_an_option(database: Database, users: Project) -> None:
    """The same of plan and apply give the same digest; another word is a usage error."""
    plan = run_command(database, users.root, "plan", "--allow-hazard", "DeletesData", "--json")
    digest = json.loads(plan.stdout)["digest"]
    without = run_command(database, users.root, "apply", f"--approved-plan={digest}")
    assert without.returncode == 10
    options = ("--allow-hazard=DeletesData", f"--approved-plan={digest}")
    assert run_command(database, users.root, "apply", *options).returncode == 0
    assert database.scalar("SELECT to_regclass('users')") is None
    unknown = run_command(database, users.root, "apply", "--allow-hazard=Everything")
    assert unknown.returncode == 2
    assert "DeletesData" in unknown.stderr


def test_a_refusal_on_the_command_line_shows_the_line(database: Database, users: Project) -> None:
    """With the excerpt of the file, and what to do as the last."""
    done = run_command(database, users.root, "apply")
    assert done.returncode == 10
    assert f"migrations/2_m.sql:1:1: {WHAT}, which is not allowed" in done.stderr
    assert "DROP TABLE users" in done.stderr


def test_what_waits_for_approval_names_what_it_deletes(database: Database, users: Project) -> None:
    """Whoever approves it knows; what is not allowed is refused and not put before anybody."""
    policy = Policy(approval="Required")
    assert attempt(database, make_spec(users, policy=policy)).outcome is Outcome.REFUSED
    allowed = Policy(approval="Required", hazards=ALLOWED)
    waiting = attempt(database, make_spec(users, policy=allowed)).result
    assert waiting.outcome is Outcome.AWAITING_APPROVAL
    assert waiting.plan is not None
    assert waiting.plan.hazards == (f"version 2: {WHAT}; allowed for this run",)
