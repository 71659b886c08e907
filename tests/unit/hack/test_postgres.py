"""Servers from archives: what is pinned is what runs, and a missing one is named."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.postgres.archives import ARCHIVES, Archive, ensure, unpack

LINKS = json.dumps(
    [{"source": "native/lib/libpq.so.5.14", "target": "native/lib/libpq.so.5"}]
).encode()


def packed(path: Path) -> Archive:
    """Write an archive with the package's layout and give its pin."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {
            "package/package.json": b"{}",
            "package/native/pg-symlinks.json": LINKS,
            "package/native/bin/postgres": b"server",
            "package/native/lib/libpq.so.5.14": b"library",
            "package/native/lib/libpq.a": b"static",
            "package/native/lib/postgresql/pgxs/src/Makefile": b"all:",
        }.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return Archive("14.0.0", hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_program: Callable[[Path, str], Path]
) -> Archive:
    """Give the pin of what an npm of the test's own brings; it counts its calls."""
    archive = packed(tmp_path / "source.tgz")
    make_program(
        tmp_path / "bin" / "npm", f"echo $* >>{tmp_path}/calls; cp {tmp_path}/source.tgz here.tgz"
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return archive


def test_an_archive_is_fetched_once(cache: Cache, tmp_path: Path, pin: Archive) -> None:
    """By its exact version, and the second time the cache has it."""
    assert ensure(cache, pin) == ensure(cache, pin)
    (call,) = tmp_path.joinpath("calls").read_text().splitlines()
    assert call.endswith("@14.0.0")


def test_another_content_than_the_pinned_is_refused(cache: Cache, pin: Archive) -> None:
    """And nothing of it stays in the cache."""
    other = Archive(pin.version, "0" * 64)
    with pytest.raises(ClusterError, match="do not use it"):
        ensure(cache, other)
    assert list(cache.root.rglob("*.tgz")) == []


def test_another_machine_is_told_why(
    cache: Cache, pin: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pins are of one architecture."""
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ClusterError, match="this machine is riscv64"):
        ensure(cache, pin)


def test_what_is_unpacked_is_what_a_server_needs(tmp_path: Path) -> None:
    """With the links that the package lists, without what only builds need."""
    packed(tmp_path / "a.tgz")
    programs = unpack(tmp_path / "a.tgz", tmp_path / "into")
    root = tmp_path / "into"
    assert programs == root / "bin"
    assert programs.joinpath("postgres").read_bytes() == b"server"
    assert root.joinpath("lib/libpq.so.5").read_bytes() == b"library"
    assert not root.joinpath("lib/libpq.a").exists()
    assert not root.joinpath("lib/postgresql").exists()


def test_the_pins_are_of_the_versions_they_stand_for() -> None:
    """Each is the archive of its own major version, with a whole hash."""
    for major, archive in ARCHIVES.items():
        assert archive.version.partition(".")[0] == major
        assert len(archive.sha256) == 64
