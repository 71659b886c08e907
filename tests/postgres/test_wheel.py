"""The wheel as a user installs it: with what it requires and nothing else, without Kubernetes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.postgres.harness import Database, Project

pytestmark = pytest.mark.one_version  # it is the installation that counts here

ROOT: Final = Path(__file__).parents[2]
NOT_NEEDED: Final = ("kopf", "kubernetes", "prometheus_client", "structlog")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of an environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    # The versions that are pinned; their hashes would ask for one of the wheel too.
    pinned = re.findall(
        r"^[^ #]+==[^ ;]+", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE
    )
    (folder / "constraints.txt").write_text("\n".join(pinned))
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv" / "bin" / "python"
    constraint = f"--constraint={folder / 'constraints.txt'}"
    subprocess.run([*pip, f"--python={python}", "install", constraint, wheel], check=True)
    return python.parent


def run(
    installed: Path, folder: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed ``meshmigrate``; nothing of the checkout is in its way."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [installed / "meshmigrate", *arguments],
        cwd=folder,
        env=environment | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_program_is_there_and_explains_itself(installed: Path, tmp_path: Path) -> None:
    """By name, with its version."""
    done = run(installed, tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  apply " in done.stdout
    assert run(installed, tmp_path, "--version").stdout.startswith("meshmigrate, version ")


def test_what_only_the_operator_needs_is_not_installed(installed: Path, tmp_path: Path) -> None:
    """And the operator's command says what is missing, and how to get it."""
    find = f"import importlib.util as u; print([m for m in {NOT_NEEDED!r} if u.find_spec(m)])"
    found = subprocess.run([installed / "python", "-c", find], capture_output=True, check=True)
    assert found.stdout == b"[]\n"
    done = run(installed, tmp_path, "operator", "--runner-image=meshmigrate")
    assert done.returncode == 2
    assert "pip install 'meshmigrate[operator]'" in done.stderr


def test_it_migrates_a_database(installed: Path, database: Database, project: Project) -> None:
    """Ledger, rollback and JSON included: everything they need came with it."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    url = {"MESHMIGRATE_DATABASE_URL": database.url}
    done = run(installed, project.root, "apply", **url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Succeeded: applied 1 version" in done.stdout
    found = json.loads(run(installed, project.root, "status", "--json", **url).stdout)
    assert (found["currentVersion"], found["pendingCount"]) == ("1", 0)
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b").migration("3", "SELECT 1/0")
    assert run(installed, project.root, "apply", "--json", **url).returncode == 20
    assert database.versions == ["1"]
