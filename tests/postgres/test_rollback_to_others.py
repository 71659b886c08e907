"""``rollback --to`` tells what others changed, and which data no script brings back."""

import json

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import ALLOWED, Database, Project, attempt, make_spec
from tests.postgres.processes import run_command
from tests.postgres.test_rollback_to import cut_off

TABLES = """
CREATE TABLE users (id int PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'ann');
CREATE TABLE other (id int PRIMARY KEY);
"""
UP = "ALTER TABLE users ADD COLUMN email text"
DOWN = "ALTER TABLE users DROP COLUMN email"
DROPS = "ALTER TABLE users DROP COLUMN name"
ADDS = "ALTER TABLE users ADD COLUMN name text"


def applied(database: Database, project: Project, up: str = UP, down: str = DOWN) -> None:
    """Apply version 1, which makes the tables, and version 2, each by a run of its own."""
    project.migration("1", TABLES, "DROP TABLE users, other").migration("2", up, down)
    for version in ("1", "2"):
        spec = make_spec(project, target=version, policy=Policy(hazards=ALLOWED))
        assert attempt(database, spec).outcome is Outcome.SUCCEEDED


def back(database: Database, project: Project, to: str = "1") -> Result:
    """Go back to a version."""
    return attempt(database, make_spec(project, target=to), start=roll_back).result


def test_a_change_of_what_no_script_touches_is_somebody_elses(
    database: Database, project: Project
) -> None:
    """Succeeded with reason ConcurrentChange; the object is named and listed."""
    applied(database, project)
    database.query("GRANT SELECT ON other TO PUBLIC")
    done = back(database, project)
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.CONCURRENT_CHANGE)
    assert done.differences[0].startswith("grants: public.other ")
    assert "public.other (grants)" in done.message
    assert "none of their scripts touches" in done.message


@pytest.mark.parametrize(
    "change", ["GRANT SELECT ON users TO PUBLIC", "ALTER TABLE users ENABLE ROW LEVEL SECURITY"]
)
def test_a_change_of_what_a_script_touches_fails_it(
    database: Database, project: Project, change: str
) -> None:
    """Nobody can tell whose it is; those that are nobody's are marked."""
    applied(database, project)
    database.query(f"{change}; GRANT SELECT ON other TO PUBLIC")
    done = back(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)
    assert "but one object is not as when" in done.message
    own, others = done.differences
    assert "public.users" in own
    assert others.endswith("(none of the scripts touches it)")


def test_data_that_a_version_has_discarded_is_named(database: Database, project: Project) -> None:
    """Succeeded, as the schema is proven; the reason says that this is not all."""
    applied(database, project, DROPS, ADDS)
    done = back(database, project)
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.DATA_NOT_RESTORED)
    assert "the schema is as it was when the database last was at version 1" in done.message
    assert done.message.endswith("not restored is data: version 2: column users.name, dropped")
    assert done.failure is not None
    assert done.failure.data_not_restored == ("version 2: column users.name, dropped",)


def test_data_of_what_the_versions_made_themselves_is_not_missed(
    database: Database, project: Project
) -> None:
    """At version 0 there was no such table."""
    applied(database, project, DROPS, ADDS)
    done = back(database, project, "0")
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.SUCCEEDED)


def test_the_files_say_nothing_about_it_the_ledger_does(
    database: Database, project: Project
) -> None:
    """The command reads no files; its answer, for people and for programs, has the list."""
    applied(database, project, DROPS, ADDS)
    done = run_command(database, project.root, "rollback", "--to", "1", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["failure"]["dataNotRestored"] == [
        "version 2: column users.name, dropped"
    ]


def test_the_command_lists_what_others_changed(database: Database, project: Project) -> None:
    """One line for each object, on standard error."""
    applied(database, project)
    database.query("GRANT SELECT ON other TO PUBLIC")
    done = run_command(database, project.root, "rollback", "--to", "1")
    assert done.returncode == 0
    assert "  grants: public.other " in done.stderr


def test_a_file_that_the_ledger_does_not_keep_is_said_to_be_unknown(
    database: Database, project: Project
) -> None:
    """Larger than a mebibyte: what it has discarded nobody can read any more."""
    applied(database, project, f"{DROPS};\n--{'x' * 1024 * 1024}", ADDS)
    done = back(database, project)
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.DATA_NOT_RESTORED)
    assert "version 2: not known, as its file is not to be read" in done.message


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("GRANT SELECT ON other TO PUBLIC", ("Succeeded", Reason.CONCURRENT_CHANGE)),
        ("GRANT SELECT ON users TO PUBLIC", ("RollbackFailed", Reason.FINGERPRINT_MISMATCH)),
    ],
)
def test_it_is_told_apart_also_where_an_attempt_before_took_back_a_part(
    database: Database, project: Project, change: str, outcome: tuple[str, str]
) -> None:
    """The scripts of all versions count, those that are gone from the history too."""
    applied(database, project)
    project.migration("3", "CREATE TABLE more (x int)", "DROP TABLE more")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    cut_off(database, project, "1")
    assert database.versions == ["1", "2"]
    database.query(change)
    assert attempt(database, make_spec(project, target="1")).outcome in Outcome
    ended = "SELECT outcome, reason FROM meshmigrate.run WHERE intent = 'undo'"
    assert database.query(ended) == [outcome]
    assert database.versions == ["1"]
