"""What is left to the end of a batch happens there as at the end of a file alone."""

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, make_spec

HIDDEN = """
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
    database.query(HIDDEN, superuser=True)
    project.migration("1", "SELECT public.put()").migration("2", "SELECT 1")
    done = attempt(database, make_spec(project, policy=Policy(transaction_mode="Batch"))).result
    assert done.outcome is Outcome.FAILED
    assert done.failure is not None
    assert (done.failure.message, done.failure.file) == (
        'path "$user", public',
        "migrations/2_m.sql",
    )
