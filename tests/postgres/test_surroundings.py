"""Databases as others have set them up: settings, foreign schemas, secrets in definitions."""

from uuid import uuid4

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import PASSWORD, Database, Project, attempt, make_spec
from tests.postgres.servers import SUPERUSER_PASSWORD, Server

FORGED = """
CREATE ROLE {role};
GRANT CREATE ON DATABASE {database} TO {role};
SET ROLE {role};
CREATE SCHEMA meshmigrate;
COMMENT ON SCHEMA meshmigrate IS 'meshmigrate ledger: a forged one';
GRANT ALL ON SCHEMA meshmigrate TO PUBLIC;
CREATE TABLE meshmigrate.stolen (who text);
GRANT ALL ON meshmigrate.stolen TO PUBLIC;
CREATE FUNCTION meshmigrate.f() RETURNS int LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO meshmigrate.stolen VALUES (current_user); RETURN 1; END $$;
CREATE VIEW meshmigrate.meta AS SELECT meshmigrate.f() AS ledger_version;
GRANT ALL ON meshmigrate.meta TO PUBLIC;
"""


def administer(server: Server, statements: str, database: str = "postgres") -> None:
    """Run statements as the superuser."""
    with psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname=database,
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    ) as connection:
        connection.execute(statements.encode())


def test_a_database_of_another_encoding_is_refused(server: Server, project: Project) -> None:
    """Files and messages would not fit into its ledger, and a failure could not be recorded."""
    name = f"l{uuid4().hex[:8]}"
    administer(
        server,
        f"CREATE DATABASE {name} OWNER app ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' "
        "TEMPLATE template0",
    )
    project.migration("1", "CREATE TABLE t (x int)")
    done = attempt(Database(server, name, "app"), make_spec(project)).result
    administer(server, f"DROP DATABASE {name}")
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNSUPPORTED_SERVER)
    assert "LATIN1" in done.message


def test_a_date_style_of_the_database_reaches_scripts_only(
    server: Server, database: Database, project: Project
) -> None:
    """A script reads dates as the database is set up; our own times are read all the same."""
    administer(server, f"ALTER DATABASE {database.name} SET datestyle = 'SQL, DMY'")
    project.migration("1", "CREATE TABLE t AS SELECT '13/02/2026'::date AS d")
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert done.started_at.startswith("20")


def test_a_forged_ledger_is_refused_before_anything_of_it_runs(
    server: Server, database: Database, project: Project
) -> None:
    """The comment alone is no proof: what stands in a stranger's schema is a stranger's code."""
    role = f"mallory_{uuid4().hex[:8]}"
    administer(server, FORGED.format(role=role, database=database.name), database.name)
    project.migration("1", "CREATE TABLE t (x int)")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.LEDGER_CONFLICT)
    assert role in done.message
    assert database.query("SELECT * FROM meshmigrate.stolen") == []


@pytest.mark.parametrize("schema", ["", "public", "pg_ledger", "x" * 64])
def test_a_schema_for_something_else_is_no_ledger(
    server: Server, database: Database, project: Project, schema: str
) -> None:
    """A ledger's schema is in no fingerprint: the application's own must never become one."""
    administer(server, "ALTER SCHEMA public OWNER TO app", database.name)
    project.migration("1", "CREATE TABLE t (x int)")
    done = attempt(database, make_spec(project, schema=schema)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.LEDGER_CONFLICT)


def test_a_difference_shows_no_secret(database: Database, project: Project) -> None:
    """Definitions hold tokens; result and log leave the database, so they hold none."""
    database.query(
        "CREATE FUNCTION hook() RETURNS int LANGUAGE sql AS $$ SELECT length('Bearer sk_live') $$;"
        "CREATE TABLE t (x text DEFAULT 'Bearer sk_live')"
    )
    project.migration(
        "1",
        "CREATE OR REPLACE FUNCTION hook() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;"
        "ALTER TABLE t ALTER x DROP DEFAULT",
        "SELECT 1",
    )
    project.migration("2", "SELECT 1/0")
    done = attempt(database, make_spec(project))
    assert done.result.outcome is Outcome.ROLLBACK_FAILED
    assert len(done.result.differences) == 2
    assert "sk_live" not in str(done.result)
    assert database.query("SELECT * FROM meshmigrate.log WHERE message LIKE '%%sk_live%%'") == []


def test_a_listener_that_breaks_does_not_stop_the_run(database: Database, project: Project) -> None:
    """The pipe is closed after the first file: the others are applied all the same."""
    for version in ("1", "2", "3"):
        project.migration(version, f"CREATE TABLE t{version} (x int)")

    def break_off(event: Event) -> None:
        if event.name is EventName.APPLIED:
            raise BrokenPipeError

    done = attempt(database, make_spec(project), during=break_off).result
    assert done.outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2", "3"]


def test_a_lock_that_only_the_fingerprint_needs_does_not_deny_what_was_applied(
    server: Server, database: Database, project: Project
) -> None:
    """LockTimeout says that nothing was committed: here the file was, so it is Interrupted."""
    database.query("CREATE TABLE other (x int); CREATE VIEW ov AS SELECT * FROM other")
    project.migration("1", "CREATE TABLE t (x int)", "DROP TABLE t")
    holder: list[psycopg.Connection[tuple[object, ...]]] = []

    def hold(event: Event) -> None:
        if event.name is EventName.APPLIED:
            connection = psycopg.connect(
                host="127.0.0.1",
                port=server.port,
                dbname=database.name,
                user="app",
                password=PASSWORD,
            )
            connection.execute("LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
            holder.append(connection)

    done = attempt(database, make_spec(project), during=hold).result
    holder[0].close()
    assert done.outcome is Outcome.INTERRUPTED
    assert database.versions == ["1"]
