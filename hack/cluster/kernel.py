"""The kernel: what it must offer, and what programs change in it globally."""

import json
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from hack.cluster.errors import ClusterError, UnmetNeedError
from hack.cluster.paths import Cache
from hack.cluster.processes import wait_until
from hack.cluster.programs import run

_CGROUPS = Path("/sys/fs/cgroup")
_SETTINGS = Path("/proc/sys")
# What the kubelet sets for itself (pkg/kubelet/cm, setupKernelTunables). No namespace keeps
# these, so they are put back.
_CHANGED_BY_KUBELET = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)


def refuse_unfit_host() -> None:
    """Check for Linux and root.

    Raises
    ------
    UnmetNeedError
        The cluster cannot run as plain processes here; the message says what can be done.
    """
    if platform.system() != "Linux":
        raise UnmetNeedError(
            f"no Docker engine answers, and without one a cluster needs Linux (this is "
            f"{platform.system()}): start or install Docker (`docker info` must work)"
        )
    if os.geteuid() != 0:
        raise UnmetNeedError(
            "no Docker engine answers (`docker info` fails), and without one a cluster needs "
            "root: install or start Docker, or run this again as root, for example by "
            '`sudo --preserve-env=PATH env HOME="$HOME" make cluster-up`'
        )


def refuse_unfit_kernel(cache: Cache) -> None:
    """Try each feature that the cluster needs, in namespaces that vanish at once.

    Raises
    ------
    UnmetNeedError
        One is missing; the message says which, and what can be done.
    """
    probe = cache.state / "probe"
    probe.mkdir(parents=True, exist_ok=True)
    trials = {
        "namespaces (a container around us must be privileged)": "true",
        f"overlayfs on the file system of {cache.root} (set MESHMIGRATE_CACHE to a folder on "
        "ext4, xfs or btrfs, outside any container's own file system)": (
            "mkdir -p a b c d && mount -t overlay -o lowerdir=a,upperdir=b,workdir=c overlay d"
        ),
        "veth network interfaces (kernel module veth)": (
            "ip link add probe0 type veth peer name probe1"
        ),
        "nftables (kernel modules nf_tables and nft_nat)": (
            "nft 'add table ip probe; add chain ip probe nat { type nat hook prerouting"
            " priority dstnat; }; add rule ip probe nat counter'"
        ),
    }
    apart = ["unshare", "--mount", "--net", "--pid", "--fork"]
    for feature, trial in trials.items():
        try:
            run([*apart, "sh", "-c", trial], cwd=probe, timeout=60)
        except ClusterError as error:
            raise UnmetNeedError(f"this machine lacks {feature}:\n{error}") from error


def save_settings(file: Path) -> None:
    """Write down the settings that the kubelet will change."""
    found = {}
    for name in _CHANGED_BY_KUBELET:
        with suppress(OSError):
            found[name] = (_SETTINGS / name).read_text().strip()
    file.write_text(json.dumps(found))


def restore_settings(file: Path) -> None:
    """Put back what `save_settings` wrote down, where it differs."""
    try:
        saved: dict[str, str] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return
    for name, value in saved.items():
        with suppress(OSError):
            if (_SETTINGS / name).read_text().strip() != value:
                (_SETTINGS / name).write_text(value)


def remove_cgroups(containers: Iterable[str]) -> None:
    """Remove the cgroups of containers that are gone, in either version's hierarchies.

    Without cgroups for each pod containerd puts them below the name of its namespace.
    """
    parents = [_CGROUPS / "k8s.io", *_CGROUPS.glob("*/k8s.io")]
    left = [parent / name for parent in parents for name in containers]

    def all_gone() -> bool:
        for folder in left:
            with suppress(OSError):  # busy for a moment after the last process died
                folder.rmdir()
        return not any(folder.exists() for folder in left)

    wait_until(all_gone, seconds=5)
    for parent in parents:
        with suppress(OSError):  # not empty: another containerd uses it too
            parent.rmdir()
