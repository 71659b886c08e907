"""The session: what a script does to it reaches neither the next file nor the ledger."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, attempt, make_spec


@pytest.mark.parametrize(
    "leak",
    [
        "SET search_path = ''",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SET statement_timeout = '100ms'",
        "SET standard_conforming_strings = off",
        "SET client_encoding = 'LATIN1'",
        "SET client_encoding = 'SQL_ASCII'; COMMENT ON TABLE a IS 'é€'",
        "SET ROLE nobody_much",
        "SET row_security = off",
        "CREATE TEMP TABLE a (wrong int)",
        "RESET ALL",
    ],
)
def test_what_a_script_sets_does_not_reach_the_next_file(
    database: Database, project: Project, leak: str
) -> None:
    """Nor the ledger's own statements in the same transaction."""
    database.query(
        "DO $$ BEGIN CREATE ROLE nobody_much; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        superuser=True,
    )
    database.query("GRANT nobody_much TO app", superuser=True)
    project.migration("1", f"CREATE TABLE a (x text); {leak};")
    project.migration("2", "INSERT INTO a VALUES ('é\\'); SELECT 1/(count(*)::int) FROM a")
    project.migration(
        "3",
        "DO $$ BEGIN ASSERT current_user = session_user;"
        " PERFORM pg_sleep(0.15);"
        " ASSERT current_setting('search_path') = '\"$user\", public'; END $$",
    )
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert database.query("SELECT * FROM a") == [("é\\",)]


def test_a_character_that_the_script_s_own_encoding_lacks_is_named(
    database: Database, project: Project
) -> None:
    """The files are UTF-8; a script that says otherwise contradicts itself."""
    project.migration("1", "SET client_encoding = 'LATIN1';\nSELECT 'é', '€'")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.INVALID_ENCODING)
    assert done.failure is not None
    assert (done.failure.line, done.failure.column) == (2, 14)


def test_a_commit_in_a_body_is_refused_by_the_server_and_rolled_back(
    database: Database, project: Project
) -> None:
    """Fault 30: a procedure that commits cannot run where the file and its history row are one."""
    project.migration(
        "1",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'COM' || 'MIT'; COMMIT; END $$;"
        "CREATE TABLE a (x int); CALL p();",
    )
    done = attempt(database, make_spec(project)).result
    assert not done.outcome.succeeded
    assert database.scalar("SELECT to_regclass('a') IS NULL")


def test_a_commit_in_a_called_procedure_names_transaction_control(
    database: Database, project: Project
) -> None:
    """Fault 30: the reason says what is wrong, whatever the server calls it."""
    database.query("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$")
    project.migration("1", "CREATE TABLE a (x int); CALL p();")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.TRANSACTION_CONTROL)
    assert database.scalar("SELECT to_regclass('a') IS NULL")


def test_deferred_constraints_are_checked_before_the_history_is_written(
    database: Database, project: Project
) -> None:
    """An error that would come at the commit names the file instead."""
    database.query(
        "CREATE TABLE p (id int PRIMARY KEY);"
        "CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED)"
    )
    project.migration("1", "INSERT INTO c VALUES (7)")
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.FAILED
    assert done.failure is not None
    assert (done.failure.sqlstate, done.failure.file) == ("23503", "migrations/1_m.sql")
    assert "c_p_fkey" in done.failure.message


def test_a_deferred_trigger_finds_the_names_its_script_found(
    database: Database, project: Project
) -> None:
    """It fires while the role's search path holds, not under the ledger's."""
    project.migration(
        "1",
        """
        CREATE TABLE a (x int); CREATE TABLE seen (x int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO seen VALUES (NEW.x); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION note();
        INSERT INTO a VALUES (1);
        """,
    )
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.query("SELECT x FROM seen") == [(1,)]


def test_look_alikes_on_the_search_path_are_never_called(
    database: Database, project: Project
) -> None:
    """Whoever may create in public cannot have his functions run by the ledger's statements."""
    database.query(
        "CREATE FUNCTION public.coalesce_trap(text) RETURNS text LANGUAGE sql AS 'SELECT 1/0';"
        "CREATE FUNCTION public.max(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0';"
        "CREATE FUNCTION public.to_char(timestamptz, varchar) RETURNS text "
        "LANGUAGE sql AS 'SELECT 1/0'"
    )
    database.query(f"ALTER DATABASE {database.name} SET search_path = public, pg_catalog")
    project.migration("1", "SELECT 1")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_the_session_is_named_after_the_run_and_protected_against_loss(
    database: Database, project: Project
) -> None:
    """Settings a script can see: the client is checked, keepalives are short."""
    project.migration(
        "1",
        "CREATE TABLE seen AS SELECT name, setting FROM pg_settings WHERE name IN "
        "('application_name', 'client_connection_check_interval', 'tcp_keepalives_idle',"
        " 'tcp_keepalives_interval', 'tcp_keepalives_count', 'tcp_user_timeout',"
        " 'idle_in_transaction_session_timeout', 'idle_session_timeout')",
    )
    spec = make_spec(project)
    assert attempt(database, spec).outcome is Outcome.SUCCEEDED
    assert dict(database.query("SELECT * FROM seen")) == {
        "application_name": f"meshmigrate:{str(spec.run.id)[:8]}",
        "client_connection_check_interval": "2000",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "30000",
        "idle_session_timeout": "0",
        "idle_in_transaction_session_timeout": "60000",
    }


def test_what_is_deferred_to_the_end_has_the_time_of_the_policy(
    database: Database, project: Project
) -> None:
    """A timeout that the script has set ends with its last statement."""
    project.migration(
        "1",
        "CREATE TABLE a (x int);"
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.15); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON a DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION slow();"
        "INSERT INTO a VALUES (1);"
        "SET statement_timeout = '100ms'",
    )
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED, done.message
