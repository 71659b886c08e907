"""What can wait is checked at the end of each file of a batch, as at that of a file alone."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec

BATCH = Policy(transaction_mode="Batch")


def apply(database: Database, project: Project, *ups: str) -> Attempt:
    """Apply files with these texts as a batch, versions from 1."""
    for version, up in enumerate(ups, 1):
        project.migration(str(version), up)
    return attempt(database, make_spec(project, policy=BATCH))


CIRCLE = """
CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
INSERT INTO u VALUES (1, 7);
INSERT INTO t VALUES (7);
"""


def test_constraints_are_checked_at_the_end_of_each_file(
    database: Database, project: Project
) -> None:
    """And deferred again in the next one, also those that it makes itself."""
    database.query(
        "CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE DEFERRABLE INITIALLY IMMEDIATE);"
        "CREATE TABLE k (t int REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
    )
    old = "INSERT INTO k VALUES ({0}); INSERT INTO t VALUES ({0})"
    first = "SET CONSTRAINTS t_u_key DEFERRED; " + old.format(1)
    done = apply(database, project, first, old.format(2), CIRCLE)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    project.migration("4", "INSERT INTO k VALUES (99)").migration("5", "INSERT INTO t VALUES (99)")
    done = attempt(database, make_spec(project, policy=BATCH))
    assert (done.outcome, done.result.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert done.result.failure is not None
    assert done.result.failure.file == "migrations/4_m.sql"


HIDDEN = """
DO $$ BEGIN
    EXECUTE 'CREATE TABLE u (t int REFERENCES t DEF' || 'ERRABLE INITIALLY DEF' || 'ERRED)';
    INSERT INTO u VALUES (7);
END $$;
"""
OPEN = (
    "CREATE TABLE u (t int REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO u VALUES (7);"
)
LATER = "INSERT INTO t VALUES (7)"
CHECKED = "CREATE TABLE w (x int UNIQUE DEFERRABLE)"


@pytest.mark.parametrize("then", [LATER, CHECKED, "", "-- no statement"])
@pytest.mark.parametrize("made", [HIDDEN, OPEN], ids=["hidden", "open"])
def test_what_a_file_has_left_to_be_checked_is_checked_at_its_end(
    database: Database, project: Project, made: str, then: str
) -> None:
    """Also where no constraint could wait before it, and nobody can read that it makes one."""
    database.query("CREATE TABLE t (id int PRIMARY KEY)")
    texts = ["CREATE TABLE a (x int)", made, *([then] if then else [])]
    done = apply(database, project, *texts)
    assert (done.outcome, done.result.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert done.result.failure is not None
    assert (done.result.failure.file, done.result.failure.sqlstate) == (
        "migrations/2_m.sql",
        "23503",
    )
    assert database.scalar("SELECT to_regclass('a') IS NULL")


@pytest.mark.parametrize("made", [HIDDEN, OPEN], ids=["hidden", "open"])
def test_constraints_that_hold_at_the_end_of_their_file_fail_nothing(
    database: Database, project: Project, made: str
) -> None:
    """Each version is applied once, whether or not the first try was taken back for it."""
    database.query("CREATE TABLE t (id int PRIMARY KEY)")
    done = apply(database, project, "CREATE TABLE a (x int)", made + LATER, "CREATE TABLE b ()")
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert database.versions == ["1", "2", "3"]
    assert database.scalar("SELECT condeferred FROM pg_constraint WHERE conname = 'u_t_fkey'")


OF_HIDDEN_SCHEMA = """
CREATE SCHEMA hidden;
CREATE TABLE hidden.t (x int);
CREATE FUNCTION hidden.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'path %', current_setting('search_path'); END $$;
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON hidden.t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION hidden.tell();
CREATE FUNCTION public.put() RETURNS void LANGUAGE sql SECURITY DEFINER AS
    $$ INSERT INTO hidden.t VALUES (1) $$;
"""


def test_a_deferred_trigger_of_a_hidden_schema_fires_under_a_scripts_names(
    database: Database, project: Project
) -> None:
    """The role may not name it, and still it does not wait for the COMMIT, under our names."""
    database.query(OF_HIDDEN_SCHEMA, superuser=True)
    project.migration("1", "SELECT public.put()").migration("2", "SELECT 1")
    done = attempt(database, make_spec(project, policy=BATCH)).result
    assert done.outcome is Outcome.FAILED
    assert done.failure is not None
    assert (done.failure.message, done.failure.file) == (
        'path "$user", public',
        "migrations/2_m.sql",
    )


def test_names_of_constraints_are_found_whatever_encoding_a_script_has_left(
    database: Database, project: Project
) -> None:
    """They are the database's, and not the script's."""
    database.query('CREATE TABLE t (x int, CONSTRAINT "é€" UNIQUE (x) DEFERRABLE)')
    for encoding in ("LATIN1", "SQL_ASCII"):
        done = apply(database, project, f"SET client_encoding = '{encoding}'", "SELECT 1")
        assert done.outcome is Outcome.SUCCEEDED, done.result.message
        database.query("DROP SCHEMA meshmigrate CASCADE")
