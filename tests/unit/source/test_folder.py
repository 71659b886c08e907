"""Folders of SQL files become one ordered set, or a refusal that names the file."""

import os
from pathlib import Path

import pytest
from msgspec import convert

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders
from meshmigrate.domain.script import MigrationSet
from meshmigrate.source.folder import read_source


def write(folder: Path, *names: str, text: str = "SELECT 1;\n") -> Path:
    """Make a folder with files of that text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(text)
    return folder


def read(
    migrations: Path, *, rollbacks: Path | None = None, checks: Path | None = None
) -> MigrationSet:
    """Read one folder of each kind."""
    return read_source(
        Folders(
            migrations=(str(migrations),),
            rollbacks=(str(rollbacks),) if rollbacks else (),
            checks=(str(checks),) if checks else (),
        )
    )


def refusal(folders: Folders) -> Refusal:
    """Give the refusal that reading must end with."""
    with pytest.raises(Refusal) as caught:
        read_source(folders)
    return caught.value


def refused(folder: Path) -> Refusal:
    """Give the refusal that reading these migrations must end with."""
    return refusal(Folders(migrations=(str(folder),)))


def test_files_are_ordered_by_their_number(tmp_path: Path) -> None:
    """Ten comes after nine, whatever the leading zeros."""
    folder = write(tmp_path, "10_c.sql", "009_b.sql", "1_a.sql", "20260101000000_d e.sql")
    found = read(folder).migrations
    assert [str(migration.version) for migration in found] == ["1", "009", "10", "20260101000000"]
    assert [migration.name for migration in found] == ["a", "b", "c", "d e"]


def test_rollbacks_and_checks_belong_to_their_version(tmp_path: Path) -> None:
    """The number ties them together, not the way it is written nor the name."""
    found = read(
        write(tmp_path / "migrations", "001_a.sql", "002_b.sql"),
        rollbacks=write(tmp_path / "rollbacks", "1_undo.sql"),
        checks=write(
            tmp_path / "checks", "2_b.sql", "2_a.sql", "always_rls.sql", "always_owner.sql"
        ),
    )
    first, second = found.migrations
    assert first.rollback is not None
    assert first.rollback.file == "rollbacks/1_undo.sql"
    assert second.rollback is None
    assert first.checks == ()
    assert [check.file for check in second.checks] == ["checks/2_a.sql", "checks/2_b.sql"]
    assert [check.file for check in found.final_checks] == [
        "checks/always_owner.sql",
        "checks/always_rls.sql",
    ]


def test_several_folders_of_one_kind_merge(tmp_path: Path) -> None:
    """Migrations spread over ConfigMaps are one history."""
    first = write(tmp_path / "a", "1_a.sql", "3_c.sql")
    second = write(tmp_path / "b", "2_b.sql")
    found = read_source(Folders(migrations=(str(first), str(second))))
    assert [migration.script.file for migration in found.migrations] == [
        "a/1_a.sql",
        "b/2_b.sql",
        "a/3_c.sql",
    ]


def test_a_relative_folder_is_shown_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name in a message opens from where the user is."""
    write(tmp_path / "supabase" / "migrations", "1_a.sql")
    monkeypatch.chdir(tmp_path)
    (found,) = read(Path("supabase/migrations")).migrations
    assert found.script.file == "supabase/migrations/1_a.sql"


@pytest.mark.parametrize("pair", [("1_a.sql", "1_b.sql"), ("001_a.sql", "1_a.sql")])
def test_two_files_with_one_number_are_refused_by_name(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    """Both files are named: a person has to choose."""
    error = refused(write(tmp_path / "m", *pair))
    assert error.reason is Reason.DUPLICATE_VERSION
    assert all(f"m/{name}" in error.message for name in pair)


def test_one_number_in_two_folders_is_refused(tmp_path: Path) -> None:
    """Merging folders does not hide that they disagree."""
    folders = (str(write(tmp_path / "a", "1_a.sql")), str(write(tmp_path / "b", "1_a.sql")))
    error = refusal(Folders(migrations=folders))
    assert error.reason is Reason.DUPLICATE_VERSION
    assert "a/1_a.sql and b/1_a.sql" in error.message


def test_two_rollback_scripts_for_one_version_are_refused(tmp_path: Path) -> None:
    """There is one way back."""
    migrations = write(tmp_path / "m", "1_a.sql")
    rollbacks = write(tmp_path / "r", "1_a.sql", "01_b.sql")
    error = refusal(Folders(migrations=(str(migrations),), rollbacks=(str(rollbacks),)))
    assert error.reason is Reason.DUPLICATE_VERSION


@pytest.mark.parametrize("kind", ["rollbacks", "checks"])
def test_a_script_without_its_migration_is_refused(tmp_path: Path, kind: str) -> None:
    """A rollback script or check for a missing version points at a lost file."""
    migrations = write(tmp_path / "m", "1_a.sql")
    orphan = write(tmp_path / "o", "2_b.sql")
    folders = {"migrations": (str(migrations),), kind: (str(orphan),)}
    error = refusal(convert(folders, Folders))
    assert error.reason is Reason.ORPHAN_SCRIPT
    assert str(error).startswith("o/2_b.sql: ")
    assert "version 2" in error.message


@pytest.mark.parametrize(
    "name", ["a.sql", "V1__a.sql", "1-a.sql", "1.sql", "1_a.SQL", "always_a.sql", "1_a\n.sql"]
)
def test_a_sql_file_with_another_name_is_refused(tmp_path: Path, name: str) -> None:
    """A migration that would silently never run is an error."""
    error = refused(write(tmp_path, "1_ok.sql", name))
    assert error.reason is Reason.INVALID_FILE_NAME
    assert "\n" not in str(error)


def test_a_misnamed_file_is_told_what_is_expected(tmp_path: Path) -> None:
    """The form of a name depends on the folder, and the message says it."""
    assert "<digits>_<name>.sql" in refused(write(tmp_path / "m", "a.sql")).message
    migrations = write(tmp_path / "n", "1_a.sql")
    checks = write(tmp_path / "c", "rls.sql")
    error = refusal(Folders(migrations=(str(migrations),), checks=(str(checks),)))
    assert "always_<name>.sql" in error.message


def test_a_name_that_is_not_text_is_refused_in_printable_form(tmp_path: Path) -> None:
    """A name of raw bytes reaches no message as it is."""
    write(tmp_path, "1_a.sql")
    (tmp_path / os.fsdecode(b"2_\xff.sql")).touch()
    error = refused(tmp_path)
    assert error.reason is Reason.INVALID_FILE_NAME
    assert str(error).isascii()


def test_other_files_and_dot_entries_are_left_alone(tmp_path: Path) -> None:
    """A README, an editor's back-up and the inner folders of a volume are no migrations."""
    folder = write(tmp_path, "1_a.sql", "README.md", "1_a.sql~", ".1_a.sql.swp", ".hidden.sql")
    (folder / "archive").mkdir()
    assert len(read(folder).migrations) == 1


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    """The kubelet's layout of links into a hidden folder is one folder of files."""
    write(tmp_path / "..2026_01_01", "1_a.sql", "2_b.sql")
    (tmp_path / "..data").symlink_to("..2026_01_01")
    for name in ("1_a.sql", "2_b.sql"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert len(read(tmp_path).migrations) == 2


def test_a_folder_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    """Only links that leave the real folder are refused."""
    write(tmp_path / "real", "1_a.sql")
    (tmp_path / "link").symlink_to("real")
    assert len(read(tmp_path / "link").migrations) == 1


@pytest.mark.parametrize("target", ["../secret.sql", "/etc/passwd", "../m2/1_a.sql"])
def test_a_link_that_leaves_its_folder_is_refused(tmp_path: Path, target: str) -> None:
    """A source cannot make the runner read another mount, such as the credentials."""
    write(tmp_path, "secret.sql", text="s3cret")
    write(tmp_path / "m2", "1_a.sql")
    folder = write(tmp_path / "m")
    (folder / "1_a.sql").symlink_to(target)
    error = refused(folder)
    assert error.reason is Reason.SOURCE_UNREADABLE
    assert str(error).startswith("m/1_a.sql: ")


def test_a_dangling_link_and_a_folder_named_like_a_file_are_refused(tmp_path: Path) -> None:
    """What cannot be read is not passed over."""
    (write(tmp_path / "a") / "1_a.sql").symlink_to("nowhere")
    (write(tmp_path / "b") / "1_a.sql").mkdir()
    (write(tmp_path / "c") / "1_a.sql").symlink_to("1_a.sql")
    for name in ("a", "b", "c"):
        assert refused(tmp_path / name).reason is Reason.SOURCE_UNREADABLE


def test_a_missing_folder_is_refused_with_its_name(tmp_path: Path) -> None:
    """The message names the folder and what the system says."""
    error = refused(tmp_path / "nowhere")
    assert error.reason is Reason.SOURCE_UNREADABLE
    assert "nowhere" in str(error)
    assert "No such file" in str(error)


def test_a_source_without_migrations_is_refused(tmp_path: Path) -> None:
    """An empty folder is a mistake, not a success."""
    error = refused(write(tmp_path / "m", "README.md"))
    assert error.reason is Reason.EMPTY_SOURCE
    assert "m" in error.message


def test_an_empty_file_is_a_migration(tmp_path: Path) -> None:
    """A version may be there for its number alone."""
    (found,) = read(write(tmp_path, "1_a.sql", text="")).migrations
    assert found.script.text == ""


def test_a_link_may_lead_anywhere_inside_of_the_source(tmp_path: Path) -> None:
    """An image may keep its files where it likes."""
    write(tmp_path / "image" / "shared", "1_a.sql")
    folder = tmp_path / "image" / "migrations"
    folder.mkdir()
    folder.joinpath("1_a.sql").symlink_to("../shared/1_a.sql")
    inside = Folders(migrations=(str(folder),), within=str(tmp_path / "image"))
    assert [each.script.file for each in read_source(inside).migrations] == ["migrations/1_a.sql"]


@pytest.mark.parametrize("target", ["../../secret/1_a.sql", "/secret/1_a.sql"])
def test_no_file_leads_out_of_the_source(tmp_path: Path, target: str) -> None:
    """By a relative link or an absolute one."""
    secret = write(tmp_path / "secret", "1_a.sql")
    folder = tmp_path / "image" / "migrations"
    folder.mkdir(parents=True)
    absolute = str(secret / "1_a.sql") if target.startswith("/") else target
    folder.joinpath("1_a.sql").symlink_to(absolute)
    error = refusal(Folders(migrations=(str(folder),), within=str(tmp_path / "image")))
    assert error.reason is Reason.SOURCE_UNREADABLE


@pytest.mark.parametrize("path", ["migrations", "migrations/inner", "../secret"])
def test_no_folder_leads_out_of_the_source(tmp_path: Path, path: str) -> None:
    """A link on the way to the files is one too."""
    write(tmp_path / "secret" / "inner", "1_a.sql")
    write(tmp_path / "secret", "1_a.sql")
    tmp_path.joinpath("image").mkdir()
    tmp_path.joinpath("image", "migrations").symlink_to(tmp_path / "secret")
    folder = str(tmp_path / "image" / path)
    error = refusal(Folders(migrations=(folder,), within=str(tmp_path / "image")))
    assert error.reason is Reason.SOURCE_UNREADABLE
    assert "leads out of the source" in error.message
