"""Which Go builds: the machine's own if it is new enough, one it may fetch, or the wheel's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.paths import Cache
from hack.cluster.toolchain import find_go, go_environment, needed_version, parse_version

NEEDED = "go" + ".".join(str(part) for part in needed_version())


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8", (1, 26, 8)), ("go1.27rc1", (1, 27)), ("1.21.0\n", (1, 21, 0))],
)
def test_versions_are_read(text: str, version: tuple[int, ...]) -> None:
    """Go's ways to write a version."""
    assert parse_version(text) == version


def test_text_without_a_version_is_an_error() -> None:
    """Better an error than version nothing."""
    with pytest.raises(ValueError, match="no version"):
        parse_version("devel")


def test_the_newest_demand_counts(tmp_path: Path) -> None:
    """Of several go.mod files the one that asks for the newest Go decides."""
    for name, version in (("a", "1.9.9"), ("b", "1.26.6"), ("c", "1.26.0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "go.mod").write_text(f"module x\n\ngo {version}\n")
    assert needed_version(tmp_path) == (1, 26, 6)


def test_the_users_flags_and_caches_are_kept(cache: Cache) -> None:
    """GOFLAGS are added to, never twice; a module cache that the user named is used."""
    environ = {"GOFLAGS": "-buildvcs=false -p=1", "GOMODCACHE": "/own"}
    env = go_environment(cache, environ)
    assert env["GOFLAGS"].split() == ["-buildvcs=false", "-p=1", "-modcacherw"]
    assert env["GOMODCACHE"] == "/own"
    assert Path(env["GOCACHE"]).is_relative_to(cache.root)


def stand_in(version: str, toolchain: str) -> str:
    """Script of a Go of some version that can switch to whatever GOTOOLCHAIN names."""
    return f"""
case "$2" in
GOTOOLCHAIN) echo {toolchain} ;;
GOVERSION) case "$GOTOOLCHAIN" in
    go*+auto) echo "${{GOTOOLCHAIN%+auto}}" ;;
    *) echo {version} ;;
    esac ;;
esac"""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("go1.99.0", "local"), ("machine", None)),
        (("go1.21.0", "auto"), ("machine", f"{NEEDED}+auto")),
        (("go1.21.0", "local"), ("wheel", "local")),
        (("go1.19.8", "auto"), ("wheel", "local")),
    ],
)
def test_the_right_go_is_chosen(
    tmp_path: Path,
    cache: Cache,
    make_program: Callable[[Path, str], Path],
    found: tuple[str, str],
    expected: tuple[str, str | None],
) -> None:
    """New enough: as it is. Older than that: only if it can and may fetch. Else the wheel."""
    machine = make_program(tmp_path / "bin" / "go", stand_in(*found))
    inside = cache.go / "wheel/lib/python3.11/site-packages/go/bin/go"
    wheel = make_program(inside, stand_in("go1.99.0", "local"))
    go, env = find_go(cache, {"PATH": str(machine.parent)})
    assert go == {"machine": machine, "wheel": wheel}[expected[0]]
    assert env.get("GOTOOLCHAIN") == expected[1]
