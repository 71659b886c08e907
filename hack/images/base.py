"""Base root file systems, made from the host's own Debian sources where no registry is at hand."""

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.errors import UnmetNeedError
from hack.cluster.oci import write_image
from hack.cluster.paths import Cache
from hack.cluster.programs import run, run_logged

# Documentation and translations: nobody reads them in a container.
_LEFT_OUT = ("doc", "info", "locale", "man")
_FAMILIES = ("debian", "ubuntu")


@dataclass(frozen=True, slots=True)
class Base:
    """A root file system of the smallest Debian plus some packages.

    Attributes
    ----------
    name
        Short name, part of the image's.
    packages
        What it has beyond the smallest set.
    files
        Small files written before the packages are installed.
    """

    name: str
    packages: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()

    def image(self) -> str:
        """Name of the image, with a tag for the packages and the host's release."""
        parts = [self.packages, self.files, _LEFT_OUT, platform.machine(), release()]
        key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
        return f"localhost/meshmigrate-base-{self.name}:{key}"


PYTHON = Base("python", ("ca-certificates", "python3", "python3-venv"))
POSTGRES = Base(
    "postgres",
    ("postgresql-15",),
    (("/etc/postgresql-common/createcluster.conf", "create_main_cluster=false\n"),),
)


def release() -> str:
    """Code name of the host's Debian or Ubuntu release.

    Raises
    ------
    UnmetNeedError
        The host is neither.
    """
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        facts = {}
    if facts.get("ID") not in _FAMILIES or "VERSION_CODENAME" not in facts:
        raise UnmetNeedError(
            f"images are made from Debian's packages, and this is {facts.get('ID', 'another')}: "
            "install Docker, or use a Debian or Ubuntu machine"
        )
    return facts["VERSION_CODENAME"]


def sources() -> str:
    """Package sources that the host itself uses and that are its distribution's own.

    Raises
    ------
    UnmetNeedError
        The host's apt has none.
    """
    layout = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    listed = run(["apt-get", "indextargets", "--format", layout, "Created-By: Packages"])
    lines = []
    for row in listed.splitlines():
        origin, uri, suite, component = row.split("|")
        if origin.lower() in _FAMILIES:
            lines.append(f"deb {uri} {suite} {component}")
    if not lines:
        raise UnmetNeedError("apt has no package lists of this distribution: run `apt-get update`")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def ensure_archive(cache: Cache, base: Base) -> Path:
    """Return an image archive of the base, making it if it is not there.

    Raises
    ------
    ClusterError
        mmdebstrap failed; the message has the end of its log.
    """
    image = base.image()
    folder = cache.images / "bases"
    archive = folder / f"{base.name}-{image.rpartition(':')[2]}.tar"
    if archive.exists():
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / f".{base.name}.root.tar"
    listed = folder / f".{base.name}.list"
    listed.write_text(sources())
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(base.packages)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in _LEFT_OUT]
    command += [f"--essential-hook={_write(path, text)}" for path, text in base.files]
    title = f"making the base file system {base.name} (about 45 s, once)"
    try:
        run_logged(title, [*command, release(), root, listed], log=_log(cache, base))
        with root.open("rb") as layer:
            write_image(archive, image, layer, {})
    finally:
        root.unlink(missing_ok=True)
        listed.unlink(missing_ok=True)
    for older in folder.glob(f"{base.name}-*.tar"):
        if older != archive:
            older.unlink()
    return archive


def _write(path: str, text: str) -> str:
    """Shell command for mmdebstrap that writes a file; it gives the root folder as $1."""
    return f'mkdir -p "$1{Path(path).parent}" && printf \'{text.rstrip()}\\n\' >"$1{path}"'


def _log(cache: Cache, base: Base) -> Path:
    return cache.logs / f"base-{base.name}.log"
