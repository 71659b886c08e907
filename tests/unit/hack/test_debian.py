"""Only what is missing is installed, and only where apt-get is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster import debian
from hack.cluster.errors import UnmetNeedError
from hack.cluster.paths import Cache


def test_what_is_there_is_not_installed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing missing apt-get is not even looked for."""
    monkeypatch.setenv("PATH", "")
    debian.ensure(cache, {"sh": "dash"})


def test_without_apt_the_packages_are_named(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has programs and packages, sorted, each once."""
    monkeypatch.setenv("PATH", "")
    wanted = {"no-such-program": "some-package", "cni:no-such-plugin": "some-package"}
    with pytest.raises(UnmetNeedError, match=r"CNI plugin no-such-plugin.*packages some-package\)"):
        debian.ensure(cache, wanted)


def test_a_package_without_the_program_is_told(
    tmp_path: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    make_program: Callable[[Path, str], Path],
) -> None:
    """apt-get is asked for that package only, and believed only when the program is there."""
    make_program(tmp_path / "bin" / "apt-get", f'echo "$@" >>{tmp_path / "calls"}')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with pytest.raises(UnmetNeedError, match="no-such-program still missing"):
        debian.ensure(cache, {"sh": "dash", "no-such-program": "some-package"})
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["update", "install --yes --no-install-recommends some-package"]
