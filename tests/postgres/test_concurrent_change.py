"""What others change during a run that goes back: told, and not taken for a failed rollback."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec
from tests.postgres.test_rollback_to import PulledPlugError

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text);
CREATE TABLE other (id int PRIMARY KEY, name text);
CREATE TABLE parts (at date) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE VIEW names AS SELECT name FROM users;
"""
UP = "ALTER TABLE users ADD COLUMN email text; CREATE INDEX users_email ON users (email)"
DOWN = "ALTER TABLE users DROP COLUMN email"
FAILS = "SELECT 1 / 0"
PER_FILE = Policy(transaction_mode="PerFile")
"""One transaction for all files would undo itself, and there would be nothing to prove."""


def at_the_failure(database: Database, change: str) -> Callable[[Event], None]:
    """Give who changes the schema by hand when the last file has failed."""

    def act(event: Event) -> None:
        if event.name is EventName.FAILED:
            database.query(change)

    return act


def run_and_change(
    database: Database, project: Project, change: str, *, up: str = UP, down: str = DOWN
) -> Result:
    """Apply a good file and one that fails; a DBA changes something before the way back."""
    database.query(SCHEMA)
    project.migration("1", up, down).migration("2", FAILS)
    spec = make_spec(project, policy=PER_FILE)
    done = attempt(database, spec, during=at_the_failure(database, change))
    assert database.versions == []
    return done.result


@pytest.mark.parametrize(
    ("change", "section", "name"),
    [
        ("GRANT SELECT ON other TO PUBLIC", "grants", "public.other"),
        ("CREATE INDEX by_hand ON other (id)", "indexes", "public.by_hand"),
        ("CREATE TABLE mine (x int)", "relations", "public.mine"),
        ("ALTER TABLE other ALTER name SET DEFAULT 'x'", "columns", "public.other.name"),
        (
            "CREATE FUNCTION f(users int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "functions",
            "public.f(integer)",
        ),
    ],
)
def test_a_change_of_what_no_script_touches_is_a_concurrent_change(
    database: Database, project: Project, change: str, section: str, name: str
) -> None:
    """The run is rolled back, as far as it is its own; the object is named."""
    done = run_and_change(database, project, change)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.CONCURRENT_CHANGE)
    assert f"{section}: {name} " in "\n".join(done.differences)
    assert name in done.message
    assert done.failure is not None
    assert done.failure.message == "division by zero"


@pytest.mark.parametrize(
    "change",
    [
        "GRANT SELECT ON users TO PUBLIC",
        "CREATE INDEX by_hand ON users (id)",
        "ALTER TABLE users ALTER name SET DEFAULT 'x'",
        "ALTER VIEW names RENAME TO users_names; ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    ],
)
def test_a_change_of_what_a_script_touches_fails_the_rollback(
    database: Database, project: Project, change: str
) -> None:
    """Nobody can tell whose it is: a person has to look."""
    done = run_and_change(database, project, change)
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)


def test_both_kinds_are_told_apart(database: Database, project: Project) -> None:
    """The message counts what the run has to answer for, the list marks the rest."""
    change = "GRANT SELECT ON users TO PUBLIC; GRANT SELECT ON other TO PUBLIC"
    done = run_and_change(database, project, change)
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert "but one object is not as before the run: public.users (grants)" in done.message
    own, others = done.differences
    assert own.startswith("grants: public.users ")
    assert others.startswith("grants: public.other ")
    assert others.endswith("(no script of this run touches it)")


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("DO $$ BEGIN END $$", "SELECT 1"),
        ("SELECT gate()", "SELECT 1"),
        ("DROP VIEW names CASCADE", "CREATE VIEW names AS SELECT name FROM users"),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO app", "SELECT 1"),
        ("ALTER DATABASE postgres SET work_mem = 64", "SELECT 1"),
    ],
)
def test_scripts_that_may_touch_anything_answer_for_everything(
    database: Database, project: Project, up: str, down: str
) -> None:
    """Their text does not say what they reach: nothing passes for somebody else's."""
    database.query("CREATE FUNCTION gate() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    database.query(f"ALTER DATABASE postgres OWNER TO {database.role}", superuser=True)
    change = "GRANT SELECT ON other TO PUBLIC"
    done = run_and_change(database, project, change, up=up, down=down)
    assert done.outcome is Outcome.ROLLBACK_FAILED


def test_what_a_table_hands_down_to_its_partitions_is_the_runs(
    database: Database, project: Project
) -> None:
    """No script names the partition, and yet it is touched."""
    change = "ALTER TABLE parts_1 ALTER at SET STATISTICS 7"
    up, down = "ALTER TABLE parts ADD x int", "ALTER TABLE parts DROP x"
    done = run_and_change(database, project, change, up=up, down=down)
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert done.differences[0].startswith("columns: public.parts_1.at ")


def test_a_lost_statistics_object_is_the_runs_although_nobody_names_it(
    database: Database, project: Project
) -> None:
    """It went with the table that the scripts dropped and made again."""
    project.migration("0", f"{SCHEMA}; CREATE STATISTICS st ON id, name FROM other")
    attempt(database, make_spec(project))
    up, down = f"{ALLOW}DROP TABLE other", "CREATE TABLE other (id int PRIMARY KEY, name text)"
    project.migration("1", up, down).migration("2", FAILS)
    done = attempt(database, make_spec(project, policy=PER_FILE)).result
    assert done.outcome is Outcome.ROLLBACK_FAILED
    (difference,) = done.differences
    assert difference.startswith("statistics: public.st is missing")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("GRANT SELECT ON other TO PUBLIC", (Outcome.ROLLED_BACK, Reason.CONCURRENT_CHANGE)),
        ("GRANT SELECT ON users TO PUBLIC", (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)),
    ],
)
def test_it_is_told_apart_also_where_an_attempt_before_took_back_a_part(
    database: Database, project: Project, change: str, expected: tuple[Outcome, Reason]
) -> None:
    """The scripts of all versions count, those that are gone from the history too."""
    database.query(SCHEMA)
    project.migration("1", "CREATE TABLE more (x int)", "DROP TABLE more")
    project.migration("2", UP, DOWN).migration("3", FAILS)
    spec = make_spec(project, policy=PER_FILE)

    def die(event: Event) -> None:
        if event.name is EventName.ROLLED_BACK:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        attempt(database, spec, during=die)
    assert database.versions == ["1"]
    database.query(change)
    again = make_spec(project, run_id=spec.run.id, attempt=2, policy=PER_FILE)
    done = attempt(database, again).result
    assert (done.outcome, done.reason) == expected
    assert database.versions == []
