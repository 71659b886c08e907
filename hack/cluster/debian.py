"""Programs that come from the distribution: what is missing is installed by apt-get."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from hack.cluster.errors import UnmetNeedError
from hack.cluster.paths import Cache
from hack.cluster.programs import run_logged

# Where Debian's package and the projects' own archives put the CNI plugins.
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))

# sbin folders are not on every root's PATH (su without a login shell).
_SEARCHED = os.pathsep.join(
    [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
)

NODE_PROGRAMS: Mapping[str, str] = {
    "runc": "runc",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "openssl": "openssl",
    "cni:ptp": "containernetworking-plugins",
    "cni:host-local": "containernetworking-plugins",
    "cni:loopback": "containernetworking-plugins",
}

IMAGE_PROGRAMS: Mapping[str, str] = {
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}


def program(name: str) -> Path | None:
    """Find a program, or with the prefix `cni:` a CNI plugin."""
    if name.startswith("cni:"):
        places = (folder / name.removeprefix("cni:") for folder in CNI_FOLDERS)
        return next((place for place in places if place.exists()), None)
    found = shutil.which(name, path=_SEARCHED)
    return Path(found) if found else None


def missing(programs: Mapping[str, str]) -> dict[str, str]:
    """Which of these programs are not on this machine, with their packages."""
    return {name: package for name, package in programs.items() if program(name) is None}


def ensure(cache: Cache, programs: Mapping[str, str]) -> None:
    """Install the packages of those programs that are missing, and nothing else.

    Raises
    ------
    UnmetNeedError
        Some are missing and there is no apt-get, or the packages did not bring them.
    ClusterError
        apt-get failed.
    """
    lacking = missing(programs)
    if not lacking:
        return
    packages = sorted(set(lacking.values()))
    if shutil.which("apt-get") is None:
        raise UnmetNeedError(
            f"missing: {_names(lacking)}. Install them with this system's package manager "
            f"(Debian calls the packages {', '.join(packages)}), or install Docker"
        )
    install(cache, packages)
    if still := missing(programs):
        raise UnmetNeedError(f"{_names(still)} still missing after installing {packages}")


def install(cache: Cache, packages: Iterable[str]) -> None:
    """Install Debian packages without what they merely recommend.

    Raises
    ------
    ClusterError
        apt-get failed; the message has the end of its log.
    """
    names = list(packages)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log = cache.logs / "apt-get.log"
    run_logged("updating the package lists", ["apt-get", "update"], log=log, env=env)
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *names]
    run_logged(f"installing {' '.join(names)}", command, log=log, env=env)


def _names(lacking: Iterable[str]) -> str:
    return ", ".join(name.replace("cni:", "CNI plugin ") for name in lacking)
