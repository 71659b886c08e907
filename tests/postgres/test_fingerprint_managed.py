"""Schemas that Supabase manages: only what migrations attach to their tables is covered."""

import re
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.test_fingerprint_command import asked, fingerprint
from tests.postgres.test_fingerprint_scope import take

pytestmark = pytest.mark.every_version

PLATFORM = "".join(
    f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    for role in ("supabase_admin", "supabase_auth_admin")
)
OF_SUPABASE = (
    PLATFORM
    + """
CREATE SCHEMA auth AUTHORIZATION supabase_admin;
CREATE TABLE auth.users (id int PRIMARY KEY);
ALTER TABLE auth.users OWNER TO supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO app;
GRANT SELECT, TRIGGER ON auth.users TO app;
"""
)
BY_ITS_SERVICE = """
CREATE TABLE auth.sessions (id int REFERENCES auth.users DEFERRABLE);
CREATE FUNCTION auth.uid() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE auth.level AS ENUM ('a');
CREATE VIEW auth.names AS SELECT id FROM auth.users;
CREATE SEQUENCE auth.s; CREATE STATISTICS auth.st ON id, phone FROM auth.users;
ALTER SCHEMA auth OWNER TO supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO PUBLIC; GRANT SELECT ON auth.sessions TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT SELECT ON TABLES TO PUBLIC;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
CREATE INDEX by_phone ON auth.users (phone);
CREATE RULE r AS ON DELETE TO auth.sessions DO NOTHING;
COMMENT ON TABLE auth.users IS 'x'; COMMENT ON SCHEMA auth IS 'x';
COMMENT ON FUNCTION auth.uid() IS 'x';
"""
BY_A_MIGRATION = """
CREATE FUNCTION greet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER greet AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION greet();
CREATE POLICY own ON auth.users USING (true);
ALTER TABLE auth.users DISABLE TRIGGER greet;
"""


@pytest.fixture
def supabase(database: Database) -> Database:
    """Give a database that has a schema of Supabase's."""
    database.query(OF_SUPABASE, superuser=True)
    return database


def shown(fingerprint: Fingerprint) -> set[str]:
    """Name what it shows of the schema auth."""
    return {
        name
        for objects in fingerprint.sections.values()
        for name in objects
        if re.search(r"\bauth\b", name)
    }


def test_what_supabase_changes_in_a_schema_of_its_own_changes_nothing(supabase: Database) -> None:
    """Its services change their tables whenever they are brought up to date."""
    before = take(supabase)
    assert shown(before) == set()
    service = "ALTER TABLE auth.users ADD phone text;" + BY_ITS_SERVICE
    supabase.query(service, superuser=True)
    after = take(supabase)
    assert list(before.differences(after)) == []
    assert after.digest == before.digest
    assert after.column_order == before.column_order


def test_what_a_migration_attaches_to_a_table_of_supabase_shows(supabase: Database) -> None:
    """Triggers and policies are all that Supabase lets a migration make there."""
    before = take(supabase)
    supabase.query(BY_A_MIGRATION, superuser=True)
    after = take(supabase)
    assert shown(after) == {"greet on auth.users", "own on auth.users"}
    assert after.sections["triggers"]["greet on auth.users"].endswith("(disabled)")
    assert after.digest != before.digest


def test_a_trigger_left_on_a_table_of_supabase_fails_the_rollback(
    supabase: Database, project: Project
) -> None:
    """The script that forgot it is told."""
    trigger = BY_A_MIGRATION.partition("CREATE POLICY")[0]
    project.migration("1", trigger, "-- nothing").migration("2", "SELECT nothing")
    done = attempt(supabase, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)
    assert any("greet on auth.users was not there before" in it for it in done.differences)


def test_a_managed_schema_that_is_named_is_covered_whole(supabase: Database) -> None:
    """As any other: nothing is managed for who asks for it."""
    found = take(supabase, schemas=("auth",))
    assert {"auth", "auth.users", "auth.users.id", "auth.users_pkey"} <= shown(found)
    assert found.managed == ()
    supabase.query("ALTER TABLE auth.users ADD phone text", superuser=True)
    (difference,) = found.differences(take(supabase, schemas=("auth",)))
    assert difference.object == "auth.users.phone"


def test_patterns_leave_out_what_is_attached_too(supabase: Database) -> None:
    """Then the schema is not named, and the digest is that of a database without it."""
    supabase.query(BY_A_MIGRATION, superuser=True)
    found = take(supabase, "auth")
    assert shown(found) == set()
    assert found.managed == ()
    supabase.query("DROP SCHEMA auth CASCADE", superuser=True)
    assert take(supabase, "auth").digest == found.digest


def test_two_roles_read_the_same_of_a_managed_schema(supabase: Database) -> None:
    """Who owns it is the same for who reads: a superuser, or a role without any privilege."""
    supabase.query(BY_A_MIGRATION, superuser=True)
    supabase.query("REVOKE ALL ON SCHEMA auth FROM app", superuser=True)
    read = take(supabase)
    with supabase.connect(superuser=True) as connection:
        for role in ("postgres", "supabase_admin", "supabase_auth_admin"):
            connection.execute(f"SET ROLE {role}".encode())
            assert catalog.take(connection).digest == read.digest


@pytest.mark.parametrize(
    "schema",
    [
        "app AUTHORIZATION supabase_admin",
        "auth AUTHORIZATION app",
        "author AUTHORIZATION supabase_admin",
        "extensions AUTHORIZATION app",
        "supabase_migrations AUTHORIZATION app",
    ],
)
def test_a_schema_is_managed_only_by_name_and_owner(database: Database, schema: str) -> None:
    """A migration of who is supabase_admin, or a stub of a test, is not left out."""
    name, _, _ = schema.partition(" ")
    database.query(f"{PLATFORM} CREATE SCHEMA {schema}", superuser=True)
    found = take(database)
    assert name in found.sections["schemas"]
    assert found.managed == ()


def test_where_nothing_is_managed_the_scope_is_what_it_was(database: Database) -> None:
    """Fingerprints that other releases took of such a database keep their digest."""
    assert set(take(database).scope) == {"format", "server", "ignore", "schemas"}


def test_the_managed_schemas_are_part_of_the_digest(supabase: Database) -> None:
    """A fingerprint that left one out never passes for one that did not."""
    found = take(supabase)
    assert found.managed == ("auth",)
    supabase.query("DROP SCHEMA auth CASCADE", superuser=True)
    now = take(supabase)
    assert list(found.differences(now)) == []
    assert found.digest != now.digest


def test_what_was_not_managed_before_is_compared_whole(supabase: Database) -> None:
    """A run that an older release began, or that made the schema itself, hides nothing."""
    managed = take(supabase)
    with supabase.connect() as connection:
        whole = catalog.take(connection, like=Fingerprint({}))
        assert {"auth", "auth.users"} <= shown(whole)
        supabase.query("ALTER SCHEMA auth OWNER TO app", superuser=True)
        assert catalog.take(connection, like=managed).digest == managed.digest
    assert {it.object for it in whole.differences(take(supabase))} == {"auth", "schema auth"}


def test_drift_is_not_checked_where_a_schema_became_managed(
    supabase: Database, project: Project
) -> None:
    """Neither what the last run saw whole nor what a newer release leaves out is drift."""
    supabase.query("ALTER SCHEMA auth OWNER TO app", superuser=True)
    project.migration("1", "CREATE TABLE t (x int)")
    attempt(supabase, make_spec(project))
    supabase.query("ALTER SCHEMA auth OWNER TO supabase_admin", superuser=True)
    project.migration("2", "CREATE TABLE u (x int)")
    strict = make_spec(project, policy=Policy(drift="Refuse"))
    told = attempt(supabase, strict)
    assert told.outcome is Outcome.SUCCEEDED
    (message,) = told.messages(EventName.DRIFT)
    assert message.startswith("drift is not checked")


def test_a_version_left_before_a_schema_became_managed_is_proven_whole(
    supabase: Database, project: Project
) -> None:
    """The way back compares with what was recorded, as it was recorded."""
    supabase.query("ALTER SCHEMA auth OWNER TO app", superuser=True)
    project.migration("1", "CREATE TABLE t (x int)")
    attempt(supabase, make_spec(project))
    project.migration("2", "CREATE TABLE u (x int)", "DROP TABLE u")
    attempt(supabase, make_spec(project))
    supabase.query("ALTER SCHEMA auth OWNER TO supabase_admin", superuser=True)
    back = make_spec(project, target="1", allow_rollback=True)
    done = attempt(supabase, back).result
    found = [it.partition(" was")[0] for it in done.differences]
    assert found == ["schemas: auth", "grants: schema auth"]


def test_the_command_names_the_managed_schemas(supabase: Database) -> None:
    """What is left out without being asked for is told."""
    lines = fingerprint(supabase).stdout.splitlines()
    assert "managed: auth: of these only triggers and policies are covered" in lines
    assert asked(supabase)["managed"] == ["auth"]
    assert "managed" not in asked(supabase, "--schema", "auth")


def test_a_comparison_covers_of_managed_schemas_what_the_other_one_does(
    supabase: Database, tmp_path: Path
) -> None:
    """A file of a database whose stub of the schema is not managed, or of an older release."""
    supabase.query("ALTER SCHEMA auth OWNER TO app", superuser=True)
    file = tmp_path / "schema.json"
    fingerprint(supabase, "--save", str(file))
    supabase.query("ALTER SCHEMA auth OWNER TO supabase_admin", superuser=True)
    found = asked(supabase, "--against", str(file))
    assert {it["object"] for it in found["differences"]} == {"auth", "schema auth"}
