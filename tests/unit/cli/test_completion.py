"""Shell completion: by click's own mechanism, with the versions that have a file here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshmigrate

PAGE = Path(__file__).parents[3].joinpath("docs", "cli.md").read_text()
FILES = ("20260105090000_identity.sql", "20260106090000_tenant_slugs.sql", "notes.txt", "9_a.sql")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a folder with migrations, and the program in it."""
    tmp_path.joinpath("migrations").mkdir()
    for name in FILES:
        tmp_path.joinpath("migrations", name).touch()
    program = tmp_path / "meshmigrate"
    package = Path(meshmigrate.__file__).parent.parent
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(package)!r})\n"
        "from meshmigrate.cli.main import main\nmain(prog_name='meshmigrate')\n"
    )
    program.chmod(0o755)
    return tmp_path


def run(project: Path, *command: str, **more: str) -> str:
    """Run a command in the folder, in which the program is found by its name."""
    path = f"{project}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path} | more
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def complete(project: Path, words: str) -> list[str]:
    """Give what bash would offer for the last of the words, by the line of the documentation."""
    (line,) = [line for line in PAGE.splitlines() if "bash_source" in line]
    script = (
        f"{line.partition('#')[0]}\n"
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_meshmigrate_completion meshmigrate\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    return run(project, "bash", "--norc", "-c", script).split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("meshmigrate sta", ["status"]),
        ("meshmigrate apply --on-fai", ["--on-failure"]),
        ("meshmigrate apply --on-failure H", ["Halt"]),
        ("meshmigrate apply --target 2026", ["20260106090000", "20260105090000"]),
        ("meshmigrate rollback --to 9", ["9"]),
        ("meshmigrate repair --accept 7", []),
    ],
)
def test_bash_completes_commands_options_and_versions(
    project: Path, words: str, offered: list[str]
) -> None:
    """With the script that the program writes for it."""
    assert complete(project, words) == offered


def test_versions_come_from_the_folder_that_was_named(project: Path) -> None:
    """And a folder that is not there has none: completion never fails."""
    project.joinpath("other").mkdir()
    project.joinpath("other", "77_x.sql").touch()
    assert complete(project, "meshmigrate apply --migrations other --target 7") == ["77"]
    assert complete(project, "meshmigrate apply --migrations nowhere --target 7") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_documented_and_written(project: Path, shell: str) -> None:
    """docs/cli.md has the line to install it."""
    assert f"_MESHMIGRATE_COMPLETE={shell}_source meshmigrate" in PAGE
    script = run(project, "meshmigrate", _MESHMIGRATE_COMPLETE=f"{shell}_source")
    assert f"_MESHMIGRATE_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("shell", "variables", "answer"),
    [
        ("zsh", {"COMP_WORDS": "meshmigrate roll", "COMP_CWORD": "1"}, "plain\nrollback\n"),
        ("fish", {"COMP_WORDS": "meshmigrate roll", "COMP_CWORD": "roll"}, "plain,rollback"),
    ],
)
def test_the_other_shells_are_answered_in_their_own_way(
    project: Path, shell: str, variables: dict[str, str], answer: str
) -> None:
    """As the script of each asks."""
    more = variables | {"_MESHMIGRATE_COMPLETE": f"{shell}_complete"}
    assert run(project, "meshmigrate", **more).startswith(answer)
