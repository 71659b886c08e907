"""The files of a new migration: their names, their numbers, and what is left alone."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders
from meshmigrate.source.create import CreatedMigration, create_migration, snake
from meshmigrate.source.folder import read_source

NOW = datetime(2026, 1, 5, 9, 0, 7, tzinfo=UTC)


def create(root: Path, name: str = "a", now: datetime = NOW) -> CreatedMigration:
    """Make a migration under a folder."""
    return create_migration(
        name, migrations=root / "migrations", rollbacks=root / "rollbacks", now=now
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("add tenant slugs", "add_tenant_slugs"),
        ("AddTenantSlugs", "add_tenant_slugs"),
        ("add HTTPHeaders to v2", "add_http_headers_to_v2"),
        ("--Größe/ändern!--", "groe_andern"),
        ("already_snake", "already_snake"),
        ("../../etc/passwd", "etc_passwd"),
    ],
)
def test_a_name_becomes_snake_case(name: str, expected: str) -> None:
    """Small ASCII letters, digits and single underscores: safe in any file system and shell."""
    assert snake(name) == expected


@pytest.mark.parametrize("name", ["", "---", "日本", " "])
def test_a_name_of_which_nothing_is_left_is_no_name(name: str) -> None:
    """Rather than a file called ``20260105090007_.sql``."""
    with pytest.raises(ValueError, match="needs a letter"):
        snake(name)


def test_both_files_have_the_time_in_utc_and_the_name(tmp_path: Path) -> None:
    """Whatever the time zone of the clock; the folders are made."""
    here = NOW.astimezone(timezone(timedelta(hours=5)))
    created = create(tmp_path, "add_slugs", here)
    assert str(created.version) == "20260105090007"
    assert created.migration == tmp_path / "migrations" / "20260105090007_add_slugs.sql"
    assert created.rollback == tmp_path / "rollbacks" / "20260105090007_add_slugs.sql"


def test_what_is_made_is_a_source(tmp_path: Path) -> None:
    """It reads back as a migration with its rollback script."""
    created = create(tmp_path)
    folders = Folders(
        migrations=(str(created.migration.parent),), rollbacks=(str(created.rollback.parent),)
    )
    (migration,) = read_source(folders).migrations
    assert migration.version == created.version
    assert migration.rollback is not None


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ("migrations/20260105090006_x.sql", "20260105090007"),
        ("migrations/20260105090007_x.sql", "20260105090008"),
        ("migrations/20991231235959_x.sql", "20991231235960"),
        ("migrations/3_x.sql", "20260105090007"),
        ("migrations/123456789012345678_x.SQL", "123456789012345679"),
        ("rollbacks/20270101000000_x.sql", "20270101000001"),
        ("migrations/20270101000000_readme.txt", "20260105090007"),
    ],
)
def test_the_number_is_above_every_other(tmp_path: Path, existing: str, expected: str) -> None:
    """A file with a date in the future does not make the new one late."""
    file = tmp_path / existing
    file.parent.mkdir()
    file.touch()
    assert str(create(tmp_path).version) == expected


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The same name in the same second is the next number."""
    first = create(tmp_path)
    first.migration.write_text("SELECT 1")
    second = create(tmp_path)
    assert second.version.number == first.version.number + 1
    assert first.migration.read_text() == "SELECT 1"


def test_a_folder_that_cannot_be_made_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    """The path is named; there is no migration without its rollback script."""
    tmp_path.joinpath("rollbacks").write_text("in the way")
    with pytest.raises(Refusal) as caught:
        create(tmp_path)
    assert caught.value.reason is Reason.SOURCE_UNWRITABLE
    assert str(caught.value.location) == str(tmp_path / "rollbacks")
    assert not list(tmp_path.joinpath("migrations").iterdir())


def test_a_rollback_script_that_cannot_be_written_takes_the_migration_with_it(
    tmp_path: Path,
) -> None:
    """Half a migration would be applied without a way back."""
    with pytest.raises(Refusal):
        create_migration("a", migrations=tmp_path, rollbacks=tmp_path, now=NOW)
    assert not list(tmp_path.iterdir())
