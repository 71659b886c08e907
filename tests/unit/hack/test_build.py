"""A build happens once for each state of its sources, and is whole or not there."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.build import (
    NODE_BUILDS,
    TOOLS,
    GoBuild,
    built_folder,
    ensure_built,
    link_programs,
    stamp,
)
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache

# Counts its builds, makes a program, and ends with the code that the test asks for.
GO = """
case "$1" in
env) echo go1.99.0 ;;
build)
    echo built >>"$COUNT"
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\n' >"$2/thing" && chmod +x "$2/thing"
    echo cannot find package >&2
    exit "$CODE" ;;
esac"""


@pytest.fixture
def build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_program: Callable[[Path, str], Path]
) -> GoBuild:
    """Give a module of the test's own, with a Go on PATH that succeeds."""
    make_program(tmp_path / "bin" / "go", GO)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    monkeypatch.setenv("CODE", "0")
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "go.mod").write_text("module x\n\nrequire example.test/thing v1.2.3\n")
    return GoBuild(
        folder="sample",
        module="example.test/thing",
        duration="soon",
        packages={"thing": "example.test/thing"},
        other_names={"thing": ("alias",)},
        root=tmp_path,
    )


def builds(tmp_path: Path) -> int:
    """How often Go was asked to build."""
    count = tmp_path / "count"
    return len(count.read_text().splitlines()) if count.exists() else 0


def test_a_build_happens_once(tmp_path: Path, cache: Cache, build: GoBuild) -> None:
    """The second time nothing is built, and every name leads to a program."""
    first = ensure_built(cache, build)
    assert ensure_built(cache, build) == first
    assert builds(tmp_path) == 1
    assert all((first / name).exists() for name in ("thing", "alias"))
    assert first.name.startswith("v1.2.3-")


def test_a_changed_source_is_built_again(tmp_path: Path, cache: Cache, build: GoBuild) -> None:
    """Another content of any file is another build; the old one is removed."""
    first = ensure_built(cache, build)
    (build.source / "main.go").write_text("package main\n")
    second = ensure_built(cache, build)
    assert first != second
    assert builds(tmp_path) == 2
    assert not first.exists()


def test_flags_are_part_of_the_stamp(build: GoBuild) -> None:
    """The same sources with other tags or variables are another build."""
    others = [
        dataclasses.replace(build, tags="no_btrfs"),
        dataclasses.replace(build, version_variables={"main.version": build.module}),
    ]
    assert len({stamp(one) for one in [build, *others]}) == 3


def test_a_failed_build_leaves_only_its_log(
    cache: Cache, build: GoBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if Go wrote a binary before it failed; the message has the log's path and end."""
    monkeypatch.setenv("CODE", "1")
    with pytest.raises(ClusterError) as failure:
        ensure_built(cache, build)
    assert str(cache.logs / "build-sample.log") in str(failure.value)
    assert "cannot find package" in str(failure.value)
    assert list(built_folder(cache, build).parent.iterdir()) == []


def test_links_follow_the_newest_build(cache: Cache, build: GoBuild) -> None:
    """A link to a build that is gone is replaced."""
    link_programs(cache, ensure_built(cache, build), ["thing"])
    shutil.rmtree(cache.builds)
    (build.source / "main.go").write_text("package main\n")
    link_programs(cache, ensure_built(cache, build), ["thing"])
    assert (cache.bin / "thing").exists()


@pytest.mark.parametrize("real", [TOOLS, *NODE_BUILDS], ids=lambda build: build.folder)
def test_every_real_module_pins_its_version_and_hashes(real: GoBuild) -> None:
    """Each go.mod requires the module that names the build, and go.sum knows it."""
    pinned = real.version.replace("v1.", "v0.") if real is TOOLS else real.version
    assert f"{real.module} {pinned} h1:" in (real.source / "go.sum").read_text()
