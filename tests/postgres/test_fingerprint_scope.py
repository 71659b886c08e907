"""What a fingerprint leaves out: by itself, and as asked."""

import re
from pathlib import Path

import pytest
import yaml

from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from tests.postgres.harness import Database, Project, attempt, make_spec

pytestmark = pytest.mark.every_version

PARTITIONED = """
CREATE TABLE events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX events_at ON events (at);
CREATE TABLE notes (id int, at date, CONSTRAINT note_of FOREIGN KEY (id, at) REFERENCES events);
CREATE TABLE events_y2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
"""
NEXT_YEAR = """
CREATE TABLE events_y2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
GRANT SELECT ON events_y2026 TO PUBLIC;
COMMENT ON TABLE events_y2026 IS 'x';
COMMENT ON INDEX events_y2026_pkey IS 'x';
ALTER TABLE events_y2026 ALTER at SET STATISTICS 7, DISABLE TRIGGER ALL;
CREATE POLICY p ON events_y2026 USING (true);
CREATE RULE r AS ON DELETE TO events_y2026 DO NOTHING;
CREATE STATISTICS st ON id, at FROM events_y2026;
"""


def take(database: Database, *ignore: str, schemas: tuple[str, ...] = ()) -> Fingerprint:
    """Take the fingerprint as the owner."""
    with database.connect() as connection:
        return catalog.take(connection, FingerprintScope(ignore=ignore, schemas=schemas))


def test_partitions_that_match_a_pattern_leave_no_trace_anywhere(database: Database) -> None:
    """Neither in the parent, nor in a foreign key to it, nor in what belongs to them."""
    database.query(PARTITIONED)
    before = take(database, "public.events_y*")
    database.query(NEXT_YEAR, superuser=True)
    after = take(database, "public.events_y*")
    assert list(before.differences(after)) == []
    assert before.digest == after.digest
    assert "public.events" in after.sections["relations"]


def test_without_a_pattern_a_new_partition_shows(database: Database) -> None:
    """Somebody has to say what may come and go."""
    database.query(PARTITIONED)
    before = take(database)
    database.query(NEXT_YEAR, superuser=True)
    found = {difference.object for difference in before.differences(take(database))}
    assert "public.events_y2026" in found
    assert all("events_y2026" in name or name == "public.st" for name in found)


def test_a_pattern_without_a_dot_leaves_out_whole_schemas(database: Database) -> None:
    """The schema itself, what is in it and what its default privileges are."""
    before = take(database, "audit*")
    database.query(
        "CREATE SCHEMA audit_log; CREATE TABLE audit_log.t (x int); "
        "CREATE FUNCTION audit_log.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "CREATE TYPE audit_log.e AS ENUM ('a'); COMMENT ON TYPE audit_log.e IS 'x'; "
        "COMMENT ON FUNCTION audit_log.f() IS 'x'; COMMENT ON SCHEMA audit_log IS 'x'; "
        "ALTER DEFAULT PRIVILEGES IN SCHEMA audit_log GRANT SELECT ON TABLES TO PUBLIC"
    )
    assert take(database, "audit*").digest == before.digest


def test_named_schemas_are_the_only_ones_covered(database: Database) -> None:
    """What a platform manages beside the application's schemas is nobody's business."""
    database.query("CREATE SCHEMA app; CREATE TABLE app.t (x int)")
    before = take(database, schemas=("app",))
    database.query("CREATE SCHEMA auth; CREATE TABLE auth.t (x int)")
    assert take(database, schemas=("app",)).digest == before.digest
    assert "app.t" in before.sections["relations"]
    database.query("ALTER TABLE app.t ADD y int")
    assert take(database, schemas=("app",)).digest != before.digest


RECIPE = re.compile(r"### On Supabase\n.*?```yaml\n(.*?)```", re.DOTALL)
MANAGED = """
CREATE SCHEMA auth; CREATE TABLE auth.users (id int);
CREATE SCHEMA storage; CREATE TABLE storage.objects (id int);
"""
SUPABASES_OWN = """
ALTER TABLE auth.users ADD phone text; CREATE SCHEMA _realtime;
CREATE FUNCTION storage.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION storage.touch();
"""
OF_A_MIGRATION = "CREATE POLICY own ON storage.objects USING (true)"


def test_what_a_migration_makes_in_a_schema_of_supabase_is_covered(database: Database) -> None:
    """A rollback script that forgets it must not pass."""
    database.query(MANAGED)
    before = take(database)
    database.query(OF_A_MIGRATION)
    assert [str(each.object) for each in before.differences(take(database))] == [
        "own on storage.objects"
    ]


def test_the_recipe_for_supabase_leaves_out_what_it_manages(database: Database) -> None:
    """As the page has it; what is the application's is covered."""
    page = Path(__file__).parents[2].joinpath("docs/rollback.md").read_text()
    found = RECIPE.search(page)
    assert found
    ignore = tuple(yaml.safe_load(found[1])["policy"]["fingerprint"]["ignore"])
    database.query(MANAGED)
    before = take(database, *ignore)
    database.query(SUPABASES_OWN)
    assert list(before.differences(take(database, *ignore))) == []
    database.query("CREATE TABLE public.orders (id int)")
    assert take(database, *ignore).digest != before.digest


def test_members_of_extensions_are_left_out_and_their_version_is_not(database: Database) -> None:
    """Everything an extension brings changes with its version, and with nothing else."""
    before = take(database)
    database.query("CREATE EXTENSION pg_trgm SCHEMA public", superuser=True)
    found = {(it.section, it.object) for it in before.differences(take(database))}
    assert found == {("extensions", "extension pg_trgm"), ("comments", "extension pg_trgm")}


def test_the_schemas_of_all_ledgers_are_left_out(database: Database, project: Project) -> None:
    """Two histories in one database do not see each other as changes."""
    project.migration("1", "SELECT 1")
    before = take(database)
    attempt(database, make_spec(project))
    attempt(database, make_spec(project, schema="other_history"))
    assert list(before.differences(take(database))) == []


def test_what_is_covered_is_part_of_the_digest(database: Database) -> None:
    """A fingerprint that left something out never passes for one that did not."""
    everything, less = take(database), take(database, "nothing.like_this")
    assert list(everything.differences(less)) == []
    assert everything.digest != less.digest
    assert everything.scope != less.scope
