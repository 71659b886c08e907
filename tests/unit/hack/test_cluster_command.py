"""The command line without a cluster: what it prints, and the codes it ends with."""

import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.__main__ import exports, main
from hack.cluster.docker import engine_answers
from hack.cluster.paths import Cache


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a short path: that of a socket in it has to fit, with xdist's part too."""
    return tmp_path_factory.mktemp("c")


@pytest.fixture(autouse=True)
def no_engine(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_program: Callable[[Path, str], Path],
) -> None:
    """Give a docker client without an engine behind it, and a cache of the test's own."""
    make_program(tmp_path / "bin" / "docker", "echo cannot connect >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setenv("MESHMIGRATE_CACHE", str(folder))
    engine_answers.cache_clear()


def test_exports_survive_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a cache folder with a space and a quote comes out as one path."""
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    cache = Cache(tmp_path / "it's here")
    script = "\n".join([*exports(cache), 'printf "%s\\n%s" "$KUBECONFIG" "$PATH"'])
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    kubeconfig, path = done.stdout.split("\n")
    assert kubeconfig == str(cache.kubeconfig)
    assert path.startswith(f"{cache.bin}:")


def test_a_proxy_is_kept_away_from_the_cluster(cache: Cache) -> None:
    """Where a proxy is set, the cluster's networks are excepted from it."""
    lines = exports(cache, {"HTTPS_PROXY": "http://proxy:3128"})
    assert any("10.88.0.0/16,10.96.0.0/16" in line for line in lines)
    assert not any("NO_PROXY" in line for line in exports(cache, {}))


def test_the_kubeconfigs_path_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the path, so that a script can use it."""
    assert main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == f"{folder / 'kubeconfig'}\n"


def test_a_cluster_that_does_not_run_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    """Status says so, in words and by its exit code."""
    assert main(["status"]) == 1
    assert "not healthy: it is not running" in capsys.readouterr().out


def test_stopping_nothing_is_no_failure() -> None:
    """Down twice is harmless."""
    assert main(["down"]) == 0
    assert main(["down"]) == 0


def test_purging_keeps_programs(folder: Path) -> None:
    """Images and keys go, what took minutes to build stays."""
    cache = Cache(folder)
    for part in (cache.builds, cache.content, cache.pki):
        part.mkdir(parents=True)
    assert main(["down", "--purge"]) == 0
    assert cache.builds.exists()
    assert not cache.content.exists()
    assert not cache.pki.exists()


def test_another_system_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Docker only Linux will do: exit code 2, and the way out."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert main(["up"]) == 2
    assert "install Docker" in capsys.readouterr().err


def test_a_user_who_is_not_root_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Processes of a node need root: exit code 2, and both ways out."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["up"]) == 2
    said = capsys.readouterr().err
    assert "sudo" in said
    assert "Docker" in said


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the cache should be is an unmet need, not a traceback."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("MESHMIGRATE_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["down"]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
