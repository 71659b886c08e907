"""What certainly is not allowed is named, and nothing that the server would allow is refused."""

from urllib.parse import quote

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.servers import SUPERUSER_PASSWORD
from tests.postgres.shop import Shop, refused


@pytest.fixture
def shop(database: Database) -> Shop:
    """Give the shop."""
    return Shop.open(database)


@pytest.mark.parametrize(
    ("granted", "script"),
    [
        ("", "DROP TABLE IF EXISTS app.nothing; ALTER TABLE IF EXISTS app.nothing ADD x int"),
        ("CREATE ON SCHEMA app", "CREATE TABLE app.t (x int); ALTER TABLE app.t ADD y int"),
        ("", "CREATE SCHEMA s; CREATE TABLE s.scratch (x int); TRUNCATE s.scratch"),
        ("", "CREATE TEMPORARY TABLE scratch (x int); TRUNCATE scratch; DROP TABLE scratch"),
        ("", "CREATE TEMPORARY TABLE pg_temp.scratch (x int)"),
        ("SELECT (id) ON TABLE app.tenants", "SELECT id FROM app.tenants"),
        ("REFERENCES (id) ON TABLE app.tenants", "CREATE TEMPORARY TABLE x (id int)"),
        ("", "WITH tenants AS (SELECT 1 AS id) SELECT id FROM tenants"),
        ("", "DO $$ BEGIN IF false THEN TRUNCATE app.scratch; END IF; END $$"),
        (
            "",
            "CREATE SCHEMA s; SET search_path = s; CREATE TABLE x (x int); DROP TABLE x",
        ),
        ("", "CREATE SCHEMA s AUTHORIZATION CURRENT_USER; CREATE TABLE s.t AS SELECT 1 AS x"),
        ("", "ANALYZE app.scratch; VACUUM app.scratch"),
    ],
)
def test_what_the_server_allows_is_never_refused(
    shop: Shop, project: Project, granted: str, script: str
) -> None:
    """Names that are made first, columns' privileges, temporary tables, dynamic SQL, warnings."""
    shop.grant(["GRANT CREATE ON DATABASE shop TO migrator;GRANT USAGE ON SCHEMA app TO migrator;"])
    if granted:
        shop.grant([f"GRANT {granted} TO migrator;"])
    project.migration("1", script)
    done = shop.run(project)
    assert done.outcome is Outcome.SUCCEEDED, done.message


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("DROP TABLE app.scratch", "ownership of app.scratch"),
        ("DROP SCHEMA app CASCADE", "ownership of schema app"),
        ("DROP TYPE app.mood", "ownership of type app.mood"),
        ("DROP FUNCTION app.one()", "ownership of routine app.one()"),
        ("ALTER SCHEMA app RENAME TO other", "ownership of schema app"),
        ("ALTER TABLE app.scratch RENAME TO other", "ownership of app.scratch"),
        ("COMMENT ON SCHEMA app IS 'x'", "ownership of schema app"),
        ("CREATE SCHEMA s AUTHORIZATION app_owner", "membership in role app_owner"),
        ("CREATE TABLE t (x int) INHERITS (app.scratch)", "ownership of app.scratch"),
        ("SELECT name FROM app.audit, app.tenants", "SELECT on app.tenants"),
        ("CREATE TABLE t AS SELECT x FROM app.scratch", "SELECT on app.scratch"),
        ("CREATE TRIGGER t AFTER INSERT ON app.scratch EXECUTE FUNCTION f()", "TRIGGER on app"),
        ("REINDEX TABLE app.scratch", "ownership of app.scratch"),
        ("SET search_path = app; ALTER TABLE app.scratch ADD y int", "ownership of app.scratch"),
    ],
)
def test_what_the_server_would_refuse_is_named(
    shop: Shop, project: Project, script: str, missing: str
) -> None:
    """One statement of each kind, on things that belong to others."""
    shop.grant(["GRANT CREATE ON DATABASE shop TO migrator;GRANT USAGE ON SCHEMA app TO migrator;"])
    shop.grant(["GRANT CREATE ON SCHEMA public TO migrator;"])
    project.migration("1", shop.find(script))
    assert shop.find(missing) in refused(shop.run(project))


def test_a_role_that_inherits_nothing_is_told_so(shop: Shop, project: Project) -> None:
    """Membership alone gives no ownership: SET ROLE, or INHERIT."""
    shop.administer(
        "ALTER ROLE migrator NOINHERIT; GRANT app_owner TO migrator;"
        "GRANT CREATE ON DATABASE shop TO migrator; GRANT USAGE ON SCHEMA app TO migrator"
    )
    project.migration("1", "ALTER TABLE app.orders ADD x int")
    assert "ownership of app.orders" in refused(shop.run(project))


def test_a_superuser_is_never_asked(shop: Shop, project: Project) -> None:
    """It may do everything, and what it may do is not looked up."""
    project.migration("1", "ALTER TABLE app.scratch ADD y int; DROP TYPE app.mood")
    server, name = shop.database.server, shop.database.name
    place = f"postgres:{quote(SUPERUSER_PASSWORD)}@127.0.0.1:{server.port}/{name}"
    url = f"postgres://{place}?sslmode=disable"
    assert attempt(shop.database, make_spec(project), url=url).outcome is Outcome.SUCCEEDED
