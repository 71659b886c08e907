"""Base file systems come from the host's own package sources, and from no others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.errors import UnmetNeedError
from hack.images.base import POSTGRES, PYTHON, sources


@pytest.fixture
def apt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_program: Callable[[Path, str], Path]
) -> Callable[[str], None]:
    """Give a function that sets what apt-get lists."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def lists(rows: str) -> None:
        (tmp_path / "rows").write_text(rows)
        make_program(tmp_path / "bin" / "apt-get", f"cat {tmp_path / 'rows'}")

    return lists


def test_only_the_distributions_own_sources_are_taken(apt: Callable[[str], None]) -> None:
    """Packages of others on the host have no place in an image; each line is there once."""
    apt(
        "Debian|file:/mirror/debian/|bookworm|main\n"
        "Debian|file:/mirror/debian/|bookworm|main\n"
        "Vendor|file:/vendor/|stable|main\n"
        "Debian|file:/mirror/security/|bookworm-security|main\n"
    )
    assert sources().splitlines() == [
        "deb file:/mirror/debian/ bookworm main",
        "deb file:/mirror/security/ bookworm-security main",
    ]


def test_no_sources_is_an_unmet_need(apt: Callable[[str], None]) -> None:
    """A machine that never updated its lists is told to."""
    apt("")
    with pytest.raises(UnmetNeedError, match="apt-get update"):
        sources()


def test_names_follow_the_packages() -> None:
    """Another set of packages is another image."""
    assert PYTHON.image() == PYTHON.image()
    assert PYTHON.image().rpartition(":")[2] != POSTGRES.image().rpartition(":")[2]
