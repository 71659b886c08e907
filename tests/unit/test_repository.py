"""What must hold for the checkout as a whole."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINNED = sorted(
    path
    for pattern in ("requirements/*.txt", "hack/**/go.mod", "hack/**/go.sum")
    for path in ROOT.glob(pattern)
)


def distribution(requirement: str) -> str:
    """Give the normalised name a requirement starts with."""
    name = re.split(r"[\[<>=~!; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str) -> set[str]:
    """Give the distributions a requirements file pins."""
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    return {distribution(line) for line in lines if "==" in line}


@pytest.mark.parametrize("path", PINNED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pin_names_no_index(path: Path) -> None:
    """Pins name packages and hashes, never where to fetch them: that is the machine's business."""
    text = path.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("file", ["runtime.txt", "dev.txt", "build.txt"])
def test_every_requirement_has_a_hash(file: str) -> None:
    """Each pinned line is followed by at least one hash."""
    text = (ROOT / "requirements" / file).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line]
    assert lines
    assert all("--hash=sha256:" in line for line in lines)


def test_what_the_project_declares_is_pinned() -> None:
    """No dependency is declared in pyproject and missing from the pinned files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    for extra in ("operator", "traces"):
        runtime += project["project"]["optional-dependencies"][extra]
    groups = project["dependency-groups"]
    assert {distribution(line) for line in runtime} <= pinned("runtime.txt")
    assert {distribution(line) for group in groups.values() for line in group} <= pinned("dev.txt")
    assert pinned("runtime.txt") <= pinned("dev.txt")
