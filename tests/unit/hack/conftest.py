"""What the tests of `hack` share: a cache folder, and programs that stand in for real ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.paths import Cache

MakeProgram = Callable[[Path, str], Path]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Give a cache folder of the test's own."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def make_program() -> MakeProgram:
    """Give a function that writes an executable shell script."""

    def make(path: Path, body: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return make
