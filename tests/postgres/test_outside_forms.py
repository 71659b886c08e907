"""Every statement that PostgreSQL runs only outside of a transaction, on a server."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from tests.postgres.databases import own_public
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec
from tests.postgres.servers import SUPERUSER_PASSWORD, give_to_server_user
from tests.postgres.test_steps import TABLE, apply, journal

DIRECTIVE = "-- meshmigrate: no-transaction\n"
PARTITIONED = """
CREATE TABLE p (x int PRIMARY KEY) PARTITION BY RANGE (x);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
"""
FILENODE = "SELECT relfilenode FROM pg_class WHERE oid = '{}'::regclass"
NOBODY = "host=127.0.0.1 port=1 connect_timeout=1"
"""Where no publisher is."""


def as_superuser(database: Database, project: Project) -> Result:
    """Run what is pending with all rights."""
    place = f"127.0.0.1:{database.server.port}/{database.name}"
    url = f"postgresql://postgres:{SUPERUSER_PASSWORD}@{place}?sslmode=disable"
    return attempt(database, make_spec(project), url=url).result


@pytest.mark.parametrize(
    ("statement", "rewritten"),
    [
        ("VACUUM FULL t", "t"),
        ("VACUUM (FULL, ANALYZE)", "t"),
        ("CLUSTER", "t"),
        ("REINDEX SCHEMA public", "j"),
        ("REINDEX SCHEMA CONCURRENTLY public", "j"),
        ("REINDEX DATABASE {database}", "j"),
        ("REINDEX DATABASE CONCURRENTLY {database}", "j"),
    ],
)
def test_what_rewrites_tables_and_indexes_is_a_step(
    database: Database, project: Project, statement: str, rewritten: str
) -> None:
    """It does its work, and no directive is needed."""
    own_public(database)
    database.query(TABLE + "CREATE INDEX j ON t (b); CLUSTER t USING j")
    before = database.scalar(FILENODE.format(rewritten))
    project.migration("1", statement.format(database=database.name))
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert database.scalar(FILENODE.format(rewritten)) != before
    assert [row[3] for row in journal(database)] == ["done"]


@pytest.mark.parametrize(
    ("statement", "rewritten"),
    [("REINDEX TABLE p", "p1_pkey"), ("REINDEX INDEX p_pkey", "p1_pkey")],
)
def test_of_a_partitioned_table_it_needs_the_directive(
    database: Database, project: Project, statement: str, rewritten: str
) -> None:
    """Only the catalog knows that: the server's refusal names the way."""
    is_refused_without_directive(database, project, statement, rewritten)


@pytest.mark.since(15)  # before, partitioned tables cannot be clustered
def test_so_does_clustering_a_partitioned_table(database: Database, project: Project) -> None:
    """It clusters the partitions one after the other."""
    is_refused_without_directive(database, project, "CLUSTER p USING p_pkey", "p1")


def is_refused_without_directive(
    database: Database, project: Project, statement: str, rewritten: str
) -> None:
    """Run a statement that rewrites something: without the directive, then with it."""
    database.query(PARTITIONED)
    before = database.scalar(FILENODE.format(rewritten))
    project.migration("1", statement)
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.NON_TRANSACTIONAL)
    assert done.failure is not None
    assert "begin the file with `-- meshmigrate: no-transaction`" in done.failure.hint
    project.migration("1", DIRECTIVE + statement)
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert database.scalar(FILENODE.format(rewritten)) != before


def test_databases_and_tablespaces_come_and_go(database: Database, project: Project) -> None:
    """Each is found in the catalog of the whole server; what is there already fails as usual."""
    name = f"{database.name}_x"
    with TemporaryDirectory(dir=database.server.data.parent) as folder:
        give_to_server_user(Path(folder))
        project.migration("1", f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        project.migration("2", f"CREATE DATABASE {name} TEMPLATE template0")
        project.migration("3", f"ALTER DATABASE {name} SET TABLESPACE {name}")
        project.migration("4", f"CREATE DATABASE {name}")
        done = as_superuser(database, project)
        assert (done.outcome, done.applied.count) == (Outcome.HALTED, 3)
        assert "already exists" in done.message
        project.migration("4", f"{ALLOW}DROP DATABASE {name}")
        both = f"DROP TABLESPACE {name};\nDROP DATABASE IF EXISTS {name}"
        project.migration("5", f"{ALLOW}{both}")
        done = as_superuser(database, project)
        assert done.outcome is Outcome.SUCCEEDED, done.message
    left = "SELECT datname FROM pg_database UNION SELECT spcname FROM pg_tablespace"
    assert (name,) not in database.query(left)


def test_settings_of_the_server_are_a_step(database: Database, project: Project) -> None:
    """ALTER SYSTEM: twice is as good as once."""
    project.migration(
        "1",
        "ALTER SYSTEM SET log_min_duration_sample = '7s'",
        "ALTER SYSTEM RESET log_min_duration_sample",
    )
    settings = database.server.data / "postgresql.auto.conf"
    assert as_superuser(database, project).outcome is Outcome.SUCCEEDED
    assert "log_min_duration_sample = '7s'" in settings.read_text()
    project.migration("2", "ALTER SYSTEM RESET log_min_duration_sample")
    assert as_superuser(database, project).outcome is Outcome.SUCCEEDED
    assert "log_min_duration_sample" not in settings.read_text()


def test_a_subscription_without_a_slot_is_transactional(
    database: Database, project: Project
) -> None:
    """It is the slot at the publisher that no transaction can take back."""
    name = f"{database.name}_s"
    project.migration(
        "1",
        f"CREATE SUBSCRIPTION {name} CONNECTION '{NOBODY}' PUBLICATION p WITH (connect = false);"
        f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE);"
        f"DROP SUBSCRIPTION {name}",
    )
    assert as_superuser(database, project).outcome is Outcome.SUCCEEDED
    assert database.query("SELECT 1 FROM meshmigrate.step", superuser=True) == []


def test_a_publisher_that_does_not_answer_fails_the_step_and_not_the_connection(
    database: Database, project: Project
) -> None:
    """The server's own connections are not ours: there is nothing to connect to again."""
    name = f"{database.name}_s"
    project.migration("1", f"CREATE SUBSCRIPTION {name} CONNECTION '{NOBODY}' PUBLICATION p")
    done = as_superuser(database, project)
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert database.query("SELECT 1 FROM meshmigrate.step", superuser=True) == []
