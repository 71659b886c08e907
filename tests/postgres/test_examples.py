"""The example migrations: they work, their way back works, and they are what they claim to be."""

import re
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
import yaml

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Folders, RunIdentity, RunSpec
from tests.postgres.harness import Database, Project, attempt

_EXAMPLES: Final = Path(__file__).parents[2] / "examples"
_MIGRATIONS: Final = sorted(_EXAMPLES.glob("webhooks/migrations/*.sql"))
_DATA: Final = re.compile(r"^COPY .*?^\\\.$", re.MULTILINE | re.DOTALL)
_ROWS: Final = "SELECT id, payload, status FROM deliveries ORDER BY received_at"

_TRAITS: Final = {
    "dollar quotes with a semicolon inside": r"\$\w*\$[^$]*;[^$]*\$\w*\$",
    "an apostrophe in a comment": r"^ *--.*\w'\w",
    "a percent sign for format()": r"format\([^)]*%I",
    "a DO block that executes DDL": r"do \$block\$[^$]*execute format",
    "DROP ... CASCADE": r"drop table \S+ cascade;",
    "a table partitioned by range": r"partition by range",
    "a data move and a rename": r"insert into (\S+) [^;]*;.*alter table \1 rename to",
    "names that depend on the day": r"current_date",
    "SECURITY DEFINER with a search path": r"security definer\s+set search_path = ''",
    "row level security and policies": r"enable row level security;.*create policy",
    "an extension": r"create extension if not exists",
    "a foreign key to the platform's users": r"references auth\.users",
    "NOTIFY for the API server": r"notify pgrst",
    "a view that is dropped and made again": r"drop view (\S+);.*create view \1",
    "SET NOT NULL after an UPDATE of all rows": r"^update ((?!where)[^;])*;.*set not null;",
    "comments on objects": r"comment on table .* is '.*''",
    "a comment at the end without a newline": r"^--[^\n]*\Z",
}


def _spec(*releases: Path) -> RunSpec:
    def folders(kind: str) -> tuple[str, ...]:
        return tuple(str(release / kind) for release in releases if (release / kind).is_dir())

    return RunSpec(
        api_version=1,
        run=RunIdentity(id=uuid4()),
        folders=Folders(
            migrations=folders("migrations"),
            rollbacks=folders("rollbacks"),
            checks=folders("checks"),
        ),
    )


def _apply(database: Database, *releases: Path) -> Result:
    return attempt(database, _spec(_EXAMPLES / "webhooks", *releases)).result


def _schema(database: Database) -> str:
    return _DATA.sub("", database.dump())


def _way_back(migration: Path) -> Path:
    return migration.parents[1] / "rollbacks" / migration.name


@pytest.mark.parametrize("trait", _TRAITS)
def test_the_examples_have_the_trait_that_they_are_there_for(trait: str) -> None:
    """Each trait is found within one file, so none gets lost when a file is tidied up."""
    pattern = re.compile(_TRAITS[trait], re.MULTILINE | re.DOTALL)
    assert any(pattern.search(path.read_text()) for path in _MIGRATIONS)


@pytest.mark.parametrize("name", ["webhooks", "broken", "approval"])
def test_a_manifest_names_config_maps_made_from_folders_that_exist(name: str) -> None:
    """``<release>-<kind>`` is the ConfigMap of ``examples/<release>/<kind>``."""
    manifest = yaml.safe_load((_EXAMPLES / "manifests" / f"{name}.yaml").read_text())
    for source in manifest["spec"]["source"]["configMaps"]:
        release, kind = source["name"].split("-")
        assert source["content"] == kind
        assert list((_EXAMPLES / release / kind).glob("*.sql"))


def test_every_migration_goes_up_and_down_and_up_again(database: Database) -> None:
    """Each rollback script leaves the very schema that was there, also one after the other."""
    schemas = [_schema(database)]
    for migration in _MIGRATIONS:
        database.query(migration.read_text())
        after = _schema(database)
        database.query(_way_back(migration).read_text())
        assert _schema(database) == schemas[-1], migration.name
        database.query(migration.read_text())
        assert _schema(database) == after, migration.name
        schemas.append(after)
    for migration in reversed(_MIGRATIONS):
        schemas.pop()
        database.query(_way_back(migration).read_text())
        assert _schema(database) == schemas[-1], migration.name


def test_all_migrations_together_fit_into_one_transaction(database: Database) -> None:
    """Nothing in them needs a commit of what came before."""
    with database.connect() as connection, connection.transaction():
        for migration in _MIGRATIONS:
            connection.execute(migration.read_text().encode())
    assert database.scalar("SELECT count(*) FROM deliveries") == 2


def test_rows_survive_the_move_into_partitions_and_back(database: Database) -> None:
    """Partitioning and its rollback script carry every delivery over, old ones too."""
    moving = next(path for path in _MIGRATIONS if "partition" in path.name)
    for migration in _MIGRATIONS[: _MIGRATIONS.index(moving)]:
        database.query(migration.read_text())
    rows = database.query(_ROWS)
    database.query(moving.read_text())
    assert database.query(_ROWS) == rows
    assert database.scalar("SELECT count(DISTINCT tableoid) FROM deliveries") == 2
    database.query(_way_back(moving).read_text())
    assert database.query(_ROWS) == rows
    assert database.scalar("SELECT count(DISTINCT tableoid) FROM deliveries") == 1


def test_the_first_release_is_applied_and_its_checks_hold(database: Database) -> None:
    """Nine versions, partitioned at the end, and every table in public under row level security."""
    done = _apply(database)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert done.applied.count == len(_MIGRATIONS) == 9


def test_the_next_release_fails_at_its_third_file_and_leaves_nothing(database: Database) -> None:
    """Two versions are undone by their scripts, schema and rows are as before."""
    _apply(database)
    before = database.dump()
    failed = _apply(database, _EXAMPLES / "broken")
    assert failed.outcome is Outcome.ROLLED_BACK, failed.message
    assert failed.rolled_back.count == 2
    assert failed.failure is not None
    assert (failed.failure.version, failed.failure.sqlstate) == ("20260112090200", "23502")
    assert database.dump() == before
    assert len(database.versions) == 9


def test_a_table_without_row_level_security_does_not_get_through(
    database: Database, project: Project
) -> None:
    """The check that always runs takes a release back that would open a table to everyone."""
    _apply(database)
    project.migration("20260119090000", "CREATE TABLE public.leaky (secret text)")
    failed = _apply(database, project.root)
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, Reason.CHECK_FAILED)
    assert failed.failure is not None
    assert "always_rls.sql" in failed.failure.file
    assert database.scalar("SELECT to_regclass('public.leaky') IS NULL")
