"""The documented privileges suffice, and each one that is missing is named before anything runs."""

import re
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.postgres.harness import Database, Project
from tests.postgres.shop import Shop, hint, refused

ROOT = Path(__file__).parents[2]
GRANTS = re.findall(
    r"^GRANT .*;$", ROOT.joinpath("docs", "privileges.md").read_text(), re.MULTILINE
)

FILES = {
    "1": """
        CREATE SCHEMA reports;
        CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA reports;
        CREATE TABLE reports.daily (day date, n int);
        """,
    "2": """
        CREATE TABLE app.items (id int PRIMARY KEY, tenant int REFERENCES app.tenants);
        ALTER TABLE app.items ADD COLUMN note text;
        CREATE VIEW app.names AS SELECT name FROM app.tenants;
        CREATE FUNCTION app.two() RETURNS int LANGUAGE sql AS 'SELECT 2';
        CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        """,
    "3": """
        ALTER TABLE app.orders ADD note text, ADD FOREIGN KEY (tenant) REFERENCES app.tenants;
        CREATE INDEX orders_tenant ON app.orders (tenant);
        CREATE POLICY mine ON app.orders USING (true);
        COMMENT ON COLUMN app.orders.note IS 'free text';
        ALTER TYPE app.mood ADD VALUE 'glad';
        ALTER FUNCTION app.one() STABLE;
        CREATE TRIGGER noted BEFORE INSERT ON app.tenants FOR EACH ROW EXECUTE FUNCTION app.noted();
        """,
    "4": """
        INSERT INTO app.audit (what) SELECT name FROM app.tenants;
        UPDATE app.audit SET what = 'seen';
        DELETE FROM app.audit;
        TRUNCATE app.scratch;
        GRANT CREATE ON SCHEMA reports TO app_owner;
        ALTER TABLE reports.daily OWNER TO app_owner;
        DROP TABLE app.orders;
        """,
}


@pytest.fixture
def shop(database: Database) -> Shop:
    """Give the shop."""
    return Shop.open(database)


@pytest.fixture
def example(shop: Shop, project: Project) -> Project:
    """Give the files that need every documented grant."""
    for version, text in FILES.items():
        project.migration(version, shop.find(text))
    return project


def test_the_documented_grants_suffice(shop: Shop, example: Project) -> None:
    """A whole example runs with exactly them."""
    shop.grant(GRANTS)
    done = shop.run(example)
    assert done.outcome is Outcome.SUCCEEDED, done.message


WORDS = {
    "CREATE ON DATABASE": "CREATE on database shop",
    "USAGE ON SCHEMA": "migrations/2_m.sql:2:9: USAGE on schema app",
    "CREATE ON SCHEMA": "migrations/2_m.sql:2:9: CREATE on schema app",
    "GRANT app_owner": "migrations/3_m.sql:2:9: ownership of app.orders, which belongs",
    "REFERENCES": "migrations/2_m.sql:2:9: REFERENCES on app.tenants",
    "SELECT": "migrations/4_m.sql:2:9: SELECT on app.tenants",
    "TRIGGER": "migrations/3_m.sql:8:9: TRIGGER on app.tenants",
    "INSERT": "migrations/4_m.sql:2:9: INSERT on app.audit",
    "UPDATE": "migrations/4_m.sql:3:9: UPDATE on app.audit",
    "DELETE": "migrations/4_m.sql:4:9: DELETE on app.audit",
    "TRUNCATE": "migrations/4_m.sql:5:9: TRUNCATE on app.scratch",
}


@pytest.mark.parametrize("taken", WORDS)
def test_each_grant_taken_away_is_named_before_anything_runs(
    shop: Shop, example: Project, taken: str
) -> None:
    """With its place; what the refusal says to do is enough to go on."""
    kept = [grant for grant in GRANTS if taken not in grant]
    assert len(kept) == len(GRANTS) - 1
    shop.grant(kept)
    done = shop.run(example)
    assert shop.find(WORDS[taken]) in refused(done)
    assert not shop.database.has_ledger
    shop.administer(hint(done))
    done = shop.run(example)
    assert done.outcome is Outcome.SUCCEEDED, done.message


def test_everything_that_is_missing_is_named_at_once(shop: Shop, example: Project) -> None:
    """Nobody has to ask an administrator eleven times, and nothing has been touched."""
    before = shop.database.dump()
    done = shop.run(example)
    words = refused(done)
    assert shop.database.dump() == before
    for taken, right in WORDS.items():
        if taken != "USAGE ON SCHEMA":
            assert shop.find(right).partition(": ")[2] in words
    shop.administer(hint(done))
    done = shop.run(example)
    assert done.outcome is Outcome.SUCCEEDED, done.message


@pytest.mark.parametrize(
    ("grants", "missing"),
    [
        (["GRANT CREATE ON DATABASE shop TO migrator;"], "CREATE on schema public"),
        (["GRANT CREATE ON SCHEMA public TO migrator;"], "CREATE on database shop"),
    ],
)
def test_a_whole_release_needs_two_grants(shop: Shop, grants: list[str], missing: str) -> None:
    """The webhooks of the examples: DO blocks, an extension, partitions, policies."""
    shop.administer("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    release = Project(ROOT / "examples" / "webhooks")
    shop.grant(grants)
    assert shop.find(missing) in refused(shop.run(release))
    shop.grant(["GRANT CREATE ON DATABASE shop, shop TO migrator;"])
    shop.grant(["GRANT CREATE ON SCHEMA public TO migrator;"])
    done = shop.run(release)
    assert done.outcome is Outcome.SUCCEEDED, done.message
