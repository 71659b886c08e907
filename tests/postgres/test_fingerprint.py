"""The fingerprint: what it shows, and what it must not show."""

import pytest

from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.catalog import Difference, Fingerprint
from tests.postgres.harness import Database

pytestmark = pytest.mark.every_version

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE users (
    id bigserial PRIMARY KEY, name text NOT NULL DEFAULT 'x', age int CHECK (age > 0), m mood
);
CREATE INDEX users_name ON users (name);
CREATE TABLE parts (d date NOT NULL) PARTITION BY RANGE (d);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW names AS SELECT name FROM users;
CREATE MATERIALIZED VIEW ids AS SELECT id FROM users;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
CREATE TABLE loose (id bigint);
ALTER TABLE loose ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES users NOT VALID;
"""
LIKE_15 = "ALTER SCHEMA public OWNER TO app; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
"""What makes the schema ``public`` of a database of 14 as it is from 15 on."""

CHANGES = {
    "CREATE SCHEMA s": ("schemas", "s"),
    "CREATE TABLE t (x int)": ("relations", "public.t"),
    "DROP VIEW names": ("relations", "public.names"),
    "ALTER TABLE users DISABLE ROW LEVEL SECURITY": ("relations", "public.users"),
    "ALTER TABLE users FORCE ROW LEVEL SECURITY": ("relations", "public.users"),
    "ALTER TABLE users SET (fillfactor = 50)": ("relations", "public.users"),
    "ALTER TABLE loose SET UNLOGGED": ("relations", "public.loose"),
    "ALTER TABLE parts DETACH PARTITION parts_2026": ("relations", "public.parts_2026"),
    "ALTER TABLE users ALTER age TYPE bigint USING age": ("columns", "public.users.age"),
    "ALTER TABLE users ALTER name DROP NOT NULL": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET DEFAULT 'y'": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET STORAGE EXTERNAL": ("columns", "public.users.name"),
    "ALTER TABLE users ALTER name SET STATISTICS 7": ("columns", "public.users.name"),
    "ALTER TABLE users RENAME CONSTRAINT users_age_check TO c": (
        "constraints",
        "users_age_check on public.users",
    ),
    "ALTER TABLE loose VALIDATE CONSTRAINT fk": ("constraints", "fk on public.loose"),
    "ALTER DOMAIN email DROP CONSTRAINT email_check": (
        "constraints",
        "email_check on public.email",
    ),
    "DROP INDEX users_name": ("indexes", "public.users_name"),
    "CLUSTER users USING users_name": ("indexes", "public.users_name"),
    "ALTER TABLE users DISABLE TRIGGER t": ("triggers", "t on public.users"),
    "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 2'": (
        "functions",
        "public.one()",
    ),
    "ALTER FUNCTION one() SECURITY DEFINER": ("functions", "public.one()"),
    "CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int)": (
        "functions",
        "public.total(integer)",
    ),
    "ALTER POLICY own ON users TO app": ("policies", "own on public.users"),
    "ALTER POLICY own ON users USING (true)": ("policies", "own on public.users"),
    "CREATE OR REPLACE VIEW names AS SELECT name FROM users WHERE age > 1": (
        "views",
        "public.names",
    ),
    "ALTER SEQUENCE users_id_seq INCREMENT 5": ("sequences", "public.users_id_seq"),
    "ALTER SEQUENCE users_id_seq OWNED BY NONE": ("sequences", "public.users_id_seq"),
    "ALTER TYPE mood ADD VALUE 'mad' BEFORE 'sad'": ("types", "public.mood"),
    "ALTER DOMAIN email SET DEFAULT 'a@b'": ("types", "public.email"),
    "ALTER TYPE pair ADD ATTRIBUTE c int": ("columns", "public.pair.c"),
    "GRANT SELECT ON users TO PUBLIC": ("grants", "public.users"),
    "GRANT SELECT (name) ON users TO PUBLIC": ("grants", "public.users.name"),
    "GRANT SELECT ON users TO app WITH GRANT OPTION": ("grants", "public.users"),
    "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC": ("grants", "public.one()"),
    "REVOKE USAGE ON TYPE mood FROM PUBLIC": ("grants", "type public.mood"),
    "GRANT CREATE ON SCHEMA public TO PUBLIC": ("grants", "schema public"),
    "COMMENT ON COLUMN users.name IS 'who'": ("comments", "table column public.users.name"),
    "COMMENT ON SCHEMA public IS 'ours'": ("comments", "schema public"),
}

NOTHING = [
    "INSERT INTO users (name) VALUES ('ann')",
    "SELECT nextval('users_id_seq')",
    "GRANT SELECT ON users TO PUBLIC; REVOKE SELECT ON users FROM PUBLIC",
    "REVOKE ALL ON users FROM app; GRANT ALL ON users TO app",
    "ALTER TABLE users DROP COLUMN age; ALTER TABLE users ADD COLUMN age int CHECK (age > 0)",
    "CREATE TEMP TABLE t (x int)",
    "ANALYZE users",
    "VACUUM FULL users",
]


def take(database: Database) -> Fingerprint:
    """Take the fingerprint as the owner."""
    with database.connect() as connection:
        return catalog.take(connection)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_shown_with_its_section_and_object(database: Database, change: str) -> None:
    """Whatever a rollback script may forget or invent."""
    database.query(LIKE_15, superuser=True)
    database.query(SCHEMA)
    before = take(database)
    database.query(change)
    after = take(database)
    found = {(difference.section, difference.object) for difference in before.differences(after)}
    assert CHANGES[change] in found
    assert before.digest != after.digest


@pytest.mark.parametrize("change", NOTHING)
def test_what_is_no_change_of_the_schema_is_not_shown(database: Database, change: str) -> None:
    """Data, positions, statistics, and privileges that came and went."""
    database.query(SCHEMA)
    before = take(database)
    database.query(change)
    after = take(database)
    assert list(before.differences(after)) == []
    assert before.digest == after.digest


def test_an_invalid_index_is_not_a_valid_one(database: Database) -> None:
    """pg_dump would not show it at all."""
    database.query(SCHEMA)
    before = take(database)
    database.query(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_name'::regclass",
        superuser=True,
    )
    (difference,) = before.differences(take(database))
    assert difference.object == "public.users_name"
    assert difference.after.endswith("(invalid)")


def test_two_roles_read_the_same(database: Database) -> None:
    """Names are written in full and nothing depends on what the reader may see."""
    database.query(SCHEMA)
    with database.connect(superuser=True) as connection:
        connection.execute("SET search_path = public; SET timezone = 'Asia/Kathmandu'")
        assert catalog.take(connection).digest == take(database).digest


def test_the_sections_add_up(database: Database) -> None:
    """Only the digests of sections that differ differ."""
    database.query(SCHEMA)
    before = take(database)
    database.query("COMMENT ON TABLE users IS 'x'")
    after = take(database)
    differing = {
        name
        for name, digest in before.section_digests.items()
        if digest != after.section_digests[name]
    }
    assert differing == {"comments"}


def test_a_difference_reads_as_a_sentence() -> None:
    """Missing, new and changed objects are told apart, each on one line."""
    assert str(Difference("views", "v", "SELECT\n 1", "")) == (
        "views: v is missing; it was: SELECT 1"
    )
    assert str(Difference("views", "v", "", "SELECT 1")) == (
        "views: v was not there before; it is: SELECT 1"
    )
    assert str(Difference("views", "v", "a", "b")) == "views: v was: a; it is: b"
