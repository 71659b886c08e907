"""Each verdict beside the server's own: what is called missing is denied, whatever was granted."""

from collections.abc import Iterator
from contextlib import closing
from itertools import combinations

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.privilege import Need
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.engine.connect import Connection, connect
from meshmigrate.engine.prepared import prepare_script
from meshmigrate.engine.privilege_catalog import find_missing
from meshmigrate.engine.privileges import needs_of
from meshmigrate.engine.probe import probe
from tests.postgres.harness import Database
from tests.postgres.shop import Shop

GRANTS = (
    "GRANT USAGE ON SCHEMA app TO migrator",
    "GRANT CREATE ON SCHEMA app TO migrator",
    "GRANT CREATE ON DATABASE shop TO migrator",
    "GRANT app_owner TO migrator",
    "GRANT SELECT, REFERENCES ON ALL TABLES IN SCHEMA app TO migrator",
    "GRANT INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER ON ALL TABLES IN SCHEMA app TO migrator",
    "GRANT SELECT (id), REFERENCES (id) ON app.tenants TO migrator",
    "ALTER SCHEMA app OWNER TO migrator",
)
STATEMENTS = """
CREATE TABLE app.n (x int)
CREATE TABLE IF NOT EXISTS app.scratch (x int)
CREATE TABLE app.n (x int REFERENCES app.tenants)
CREATE TABLE app.n (x int REFERENCES app.tenants (id))
CREATE TABLE app.n () INHERITS (app.orders)
CREATE TABLE app.n AS SELECT id FROM app.tenants
CREATE TABLE app.n AS SELECT id FROM app.tenants WITH NO DATA
CREATE TEMPORARY TABLE n AS SELECT id FROM app.tenants
CREATE VIEW app.n AS SELECT id FROM app.tenants
CREATE OR REPLACE VIEW app.v AS SELECT 2 AS x
CREATE MATERIALIZED VIEW app.n AS SELECT id FROM app.tenants
CREATE SEQUENCE app.n
CREATE TYPE app.n AS ENUM ('a')
CREATE TYPE app.n AS (a int)
CREATE DOMAIN app.n AS int
CREATE FUNCTION app.n() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE OR REPLACE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE AGGREGATE app.n (int) (sfunc = int4pl, stype = int)
CREATE OPERATOR app.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)
CREATE SCHEMA n
CREATE SCHEMA IF NOT EXISTS app
CREATE SCHEMA n AUTHORIZATION app_owner
CREATE SCHEMA n CREATE TABLE t (x int)
CREATE EXTENSION pg_trgm SCHEMA app
CREATE INDEX ON app.orders (id)
CREATE INDEX ON app.scratch (x)
CREATE POLICY p ON app.orders
CREATE RULE r AS ON INSERT TO app.orders DO NOTHING
CREATE STATISTICS app.s ON id, tenant FROM app.orders
CREATE TRIGGER g BEFORE INSERT ON app.orders EXECUTE FUNCTION app.noted()
CREATE TRIGGER g BEFORE INSERT ON app.scratch EXECUTE FUNCTION app.noted()
ALTER TABLE app.orders ADD x int
ALTER TABLE app.scratch ADD y int
ALTER TABLE app.orders ADD FOREIGN KEY (tenant) REFERENCES app.tenants
ALTER TABLE app.orders OWNER TO app_owner
ALTER TABLE app.orders RENAME TO n
ALTER TABLE app.orders RENAME COLUMN tenant TO n
ALTER TABLE app.orders SET SCHEMA public
ALTER TABLE IF EXISTS app.nothing ADD x int
ALTER INDEX app.orders_pkey RENAME TO n
ALTER VIEW app.v RENAME TO n
ALTER SEQUENCE app.q RESTART
ALTER TYPE app.mood ADD VALUE 'n'
ALTER TYPE app.mood RENAME TO n
ALTER FUNCTION app.one() STABLE
ALTER FUNCTION app.one() RENAME TO n
ALTER FUNCTION app.one() OWNER TO app_owner
ALTER SCHEMA app RENAME TO n
ALTER SCHEMA app OWNER TO app_owner
COMMENT ON TABLE app.orders IS ''
COMMENT ON COLUMN app.scratch.x IS ''
COMMENT ON TYPE app.mood IS ''
COMMENT ON FUNCTION app.one() IS ''
COMMENT ON SCHEMA app IS ''
COMMENT ON VIEW app.v IS ''
DROP TABLE app.orders
DROP TABLE app.scratch, app.orders
DROP VIEW app.v
DROP SEQUENCE app.q
DROP INDEX app.audit_at
DROP TYPE app.mood
DROP FUNCTION app.one()
DROP SCHEMA app CASCADE
DROP TABLE IF EXISTS app.nothing
INSERT INTO app.scratch VALUES (1)
INSERT INTO app.audit (what) SELECT name FROM app.tenants
INSERT INTO app.scratch SELECT id FROM app.tenants
UPDATE app.scratch SET x = 1
UPDATE app.scratch SET x = 1 FROM app.tenants AS t WHERE t.id = 1
DELETE FROM app.scratch
DELETE FROM app.scratch USING app.tenants AS t WHERE t.id = 1
SELECT id FROM app.tenants
SELECT x FROM app.scratch
SELECT 1 FROM app.orders AS o JOIN app.tenants AS t ON t.id = o.tenant
SELECT x FROM app.v
WITH c AS (SELECT 1) SELECT 1 FROM c
TRUNCATE app.scratch
TRUNCATE app.scratch, app.orders
LOCK TABLE app.scratch IN ACCESS SHARE MODE
REINDEX TABLE app.audit
REINDEX INDEX app.audit_at
ANALYZE app.scratch
REFRESH MATERIALIZED VIEW app.m
GRANT SELECT ON app.orders TO PUBLIC
""".strip().splitlines()
MORE = """
CREATE VIEW app.v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS x;
CREATE SEQUENCE app.q; CREATE INDEX audit_at ON app.audit (at);
CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER VIEW app.v OWNER TO app_owner; ALTER SEQUENCE app.q OWNER TO app_owner;
ALTER MATERIALIZED VIEW app.m OWNER TO app_owner;
GRANT CREATE ON SCHEMA app TO app_owner;
"""

TAKE_BACK = """
ALTER SCHEMA app OWNER TO postgres;
REVOKE ALL ON ALL TABLES IN SCHEMA app FROM migrator; REVOKE ALL ON SCHEMA app FROM migrator;
REVOKE ALL (id) ON app.tenants FROM migrator;
REVOKE ALL ON DATABASE shop FROM migrator; REVOKE app_owner FROM migrator;
GRANT CREATE ON SCHEMA app TO app_owner
"""


@pytest.fixture
def shop(database: Database) -> Shop:
    """Give the shop, with one thing of each kind."""
    made = Shop.open(database)
    made.administer(MORE)
    return made


def denied(connection: Connection, statement: str) -> bool:
    """Ask the server, and take it back."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


def needs(statement: str) -> list[Need]:
    """Give what a statement needs, as its text says."""
    script = prepare_script(Script(ScriptKind.MIGRATION, "x", statement))
    return [placed.need for placed in needs_of([script])]


def worlds() -> Iterator[tuple[str, ...]]:
    """Give sets of grants: none, each, some pairs, all but one, all."""
    for size in (0, 1, len(GRANTS) - 1, len(GRANTS)):
        yield from combinations(GRANTS, size)
    usage, *others = GRANTS
    yield from ((usage, other) for other in others)


def test_what_is_called_missing_the_server_denies(shop: Shop) -> None:
    """Eighty statements under as many grants as make a difference; most of it is denied."""
    asked = [(statement, needs(statement)) for statement in map(shop.find, STATEMENTS)]
    door = Database(shop.database.server, shop.database.name, shop.names["migrator"])
    false, right = [], 0
    with closing(connect(parse_database_url(door.url), "test")) as connection:
        server = probe(connection)
        for world in worlds():
            shop.administer("; ".join(world) or "SELECT 1")
            everything = dict.fromkeys(need for _, needed in asked for need in needed)
            missing = {one.need: one.what for one in find_missing(connection, server, everything)}
            for statement, needed in asked:
                ours = [missing[need] for need in needed if need in missing]
                if ours and denied(connection, statement):
                    right += 1
                elif ours:
                    false.append((world, statement, ours))
            shop.administer(TAKE_BACK)
    assert false == []
    assert right > 700
