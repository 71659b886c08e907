"""``meshmigrate new``: where the files go, and what is said."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshmigrate.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    """Run ``meshmigrate new``."""
    return CliRunner().invoke(main, ["new", *arguments])


@pytest.mark.usefixtures("folder")
def test_the_paths_of_both_files_are_printed() -> None:
    """One per line, as they can be opened from here."""
    shown = new("Add tenant slugs")
    assert shown.exit_code == 0
    migration, rollback = map(Path, shown.output.splitlines())
    assert re.fullmatch(r"migrations/\d{14}_add_tenant_slugs\.sql", str(migration))
    assert str(rollback) == f"rollbacks/{migration.name}"
    assert migration.is_file()
    assert rollback.is_file()


def test_the_supabase_layout_is_kept(folder: Path) -> None:
    """Where that is what there is."""
    folder.joinpath("supabase/migrations").mkdir(parents=True)
    migration, rollback = new("a").output.splitlines()
    assert migration.startswith("supabase/migrations/")
    assert rollback.startswith("supabase/rollbacks/")


@pytest.mark.usefixtures("folder")
def test_folders_can_be_given() -> None:
    """The rollback's is beside the migrations' unless it is given too."""
    answer = json.loads(new("a", "--migrations=db/up", "--json").output)
    assert answer["apiVersion"] == 1
    assert answer["migration"] == f"db/up/{answer['version']}_a.sql"
    assert answer["rollback"] == f"db/rollbacks/{answer['version']}_a.sql"
    assert "db/down/" in new("b", "--migrations=db/up", "--rollbacks=db/down").output


@pytest.mark.usefixtures("folder")
def test_what_is_no_name_is_a_usage_error() -> None:
    """And nothing is made."""
    shown = new("!!!")
    assert (shown.exit_code, "needs a letter" in shown.output) == (2, True)
    assert not Path("migrations").exists()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_folder_in_the_way_is_refused_with_the_next_step(folder: Path, form: list[str]) -> None:
    """In the form that was asked for."""
    folder.joinpath("migrations").write_text("")
    shown = new("a", *form)
    assert shown.exit_code == 10
    if form:
        assert json.loads(shown.output)["reason"] == "SourceUnwritable"
    else:
        assert shown.output.startswith("migrations: the files of the migration cannot be made")
        assert "next: " in shown.output
