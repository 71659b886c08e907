"""Build the programs that come as Go modules: once for each version, never half."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.paths import SOURCES, Cache
from hack.cluster.programs import run_logged
from hack.cluster.toolchain import find_go


@dataclass(frozen=True, slots=True)
class GoBuild:
    """A Go module under `hack/cluster` and what is built from it.

    Attributes
    ----------
    folder
        Name of the module's folder.
    module
        The Go module whose version names the build.
    duration
        How long a first build takes on two cores, for the person who waits.
    packages
        Package path for each program.
    version_variables
        Go string variables that are set (by `-ldflags -X`), each to a module's version.
    other_names
        Further names of a binary that looks at the name it is called by.
    root
        The folder that has the module's folder.
    """

    folder: str
    module: str
    duration: str
    packages: dict[str, str]
    version_variables: dict[str, str] = field(default_factory=dict)
    tags: str = ""
    other_names: dict[str, Sequence[str]] = field(default_factory=dict)
    root: Path = SOURCES

    @property
    def source(self) -> Path:
        """The module's folder."""
        return self.root / self.folder

    @property
    def version(self) -> str:
        """The version of the module that names the build."""
        return self.version_of(self.module)

    def version_of(self, module: str) -> str:
        """Give the version of a module that go.mod pins.

        Raises
        ------
        ClusterError
            It pins none.
        """
        pinned = re.search(
            rf"^\s*(?:require )?{re.escape(module)} (v\S+)",
            (self.source / "go.mod").read_text(),
            re.MULTILINE,
        )
        if pinned is None:
            raise ClusterError(f"{self.source / 'go.mod'} does not require {module}")
        # Kubernetes publishes the libraries of its version 1.x as 0.x.
        staged = module.startswith("k8s.io/") and pinned[1].startswith("v0.")
        return f"v1.{pinned[1].removeprefix('v0.')}" if staged else pinned[1]

    @property
    def programs(self) -> list[str]:
        """Every name that a finished build has."""
        return [*self.packages, *(name for names in self.other_names.values() for name in names)]


KUBERNETES = GoBuild(
    folder="kubernetes",
    module="k8s.io/kubernetes",
    duration="about 7 min",
    packages={"kubernetes": "."},
    version_variables={
        "k8s.io/component-base/version.gitVersion": "k8s.io/kubernetes",
        "k8s.io/client-go/pkg/version.gitVersion": "k8s.io/kubernetes",
    },
    other_names={
        "kubernetes": (
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubelet",
        ),
    },
)
_CONTAINERD = "github.com/containerd/containerd/v2"
CONTAINERD = GoBuild(
    folder="containerd",
    module=_CONTAINERD,
    duration="about 1 min",
    packages={
        "containerd": f"{_CONTAINERD}/cmd/containerd",
        "containerd-shim-runc-v2": f"{_CONTAINERD}/cmd/containerd-shim-runc-v2",
        "ctr": f"{_CONTAINERD}/cmd/ctr",
        "pause": "./pause",
    },
    version_variables={f"{_CONTAINERD}/version.Version": _CONTAINERD},
    tags="no_btrfs no_devmapper no_zfs",
)
COREDNS = GoBuild(
    folder="coredns",
    module="github.com/coredns/coredns",
    duration="about 1 min",
    packages={"coredns": "."},
)
TOOLS = GoBuild(
    folder="tools",
    module="k8s.io/kubectl",
    duration="about 2 min",
    packages={
        "helm": "helm.sh/helm/v4/cmd/helm",
        "kind": "sigs.k8s.io/kind",
        "kubectl": "./kubectl",
    },
    version_variables={
        "helm.sh/helm/v4/internal/version.version": "helm.sh/helm/v4",
        "k8s.io/component-base/version.gitVersion": "k8s.io/kubectl",
    },
)
NODE_BUILDS = (CONTAINERD, COREDNS, KUBERNETES)


def ensure_built(cache: Cache, build: GoBuild) -> Path:
    """Return the folder with a module's programs, building them if they are not there.

    Raises
    ------
    ClusterError
        There is no Go, or the build failed; nothing is left of a failed build but its log.
    """
    done = built_folder(cache, build)
    if done.is_dir():
        return done
    go, env = find_go(cache)
    partial = done.with_name(f".{done.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    title = f"building {build.folder} {build.version} ({build.duration}, once)"
    log = cache.logs / f"build-{build.folder}.log"
    try:
        argv = [go, "build", *_flags(build), "-o", f"{partial}{os.sep}", *build.packages.values()]
        run_logged(title, argv, log=log, env=env, cwd=build.source)
        _name_programs(build, partial)
    except BaseException:  # Ctrl-C included: no half binary may be taken for a whole one
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(done)
    for older in done.parent.iterdir():
        if older != done:
            shutil.rmtree(older, ignore_errors=True)
    return done


def built_folder(cache: Cache, build: GoBuild) -> Path:
    """Where a build of the present sources is, or would be."""
    return cache.builds / build.folder / f"{build.version}-{stamp(build)}"


def stamp(build: GoBuild) -> str:
    """Hash of what decides about a build's result: the module's files and our flags.

    Which Go compiles it is left out on purpose: go.mod says which one is new enough, and an
    update of the machine's Go should not cost ten minutes.
    """
    digest = hashlib.sha256(json.dumps([_flags(build), build.packages, build.programs]).encode())
    for file in sorted(build.source.rglob("*")):
        if file.is_file():
            digest.update(f"\0{file.relative_to(build.source)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def ensure_tools(cache: Cache) -> None:
    """Build kubectl, helm and kind, and put them where people find them.

    Raises
    ------
    ClusterError
        There is no Go, or the build failed.
    """
    link_programs(cache, ensure_built(cache, TOOLS), list(TOOLS.packages))


def link_programs(cache: Cache, folder: Path, names: Sequence[str]) -> None:
    """Put programs into the folder for people, replacing links to older builds."""
    cache.bin.mkdir(parents=True, exist_ok=True)
    for name in names:
        link = cache.bin / name
        fresh = cache.bin / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder / name)
        fresh.replace(link)


def _flags(build: GoBuild) -> list[str]:
    versions = build.version_variables.items()
    variables = [f"-X {name}={build.version_of(module)}" for name, module in versions]
    tags = ["-tags", build.tags] if build.tags else []
    return ["-trimpath", *tags, "-ldflags", " ".join(["-s -w", *variables])]


def _name_programs(build: GoBuild, folder: Path) -> None:
    """Give each program its name: Go calls the one of "." after its module."""
    for name, package in build.packages.items():
        made = build.folder if package == "." else package.removeprefix("./").split("/")[-1]
        (folder / made).rename(folder / name)
    for name, others in build.other_names.items():
        for other in others:
            (folder / other).symlink_to(name)
    for name in build.programs:
        if not os.access(folder / name, os.X_OK):
            raise ClusterError(f"the build of {build.folder} brought no program {name}")
