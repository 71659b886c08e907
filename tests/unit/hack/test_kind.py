"""Where a Docker engine answers, kind does the work: which commands it is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hack.cluster.build import TOOLS, built_folder
from hack.cluster.choice import choose
from hack.cluster.docker import engine_answers
from hack.cluster.errors import ClusterError
from hack.cluster.kind import KindCluster
from hack.cluster.paths import Cache

KIND = """
echo "$@" >>"$CALLS"
case "$1 $2" in
"get clusters") cat "$CLUSTERS" ;;
"get kubeconfig") echo kubeconfig ;;
"create cluster")
    echo meshmigrate >"$CLUSTERS"
    while [ "$1" != --kubeconfig ]; do shift; done
    echo kubeconfig >"$2" ;;
"delete cluster") : >"$CLUSTERS" ;;
esac"""


class Docker:
    """A machine on which docker, kind and kubectl are scripts."""

    def __init__(self, folder: Path, cache: Cache, make: Callable[[Path, str], Path]) -> None:
        self.calls = folder / "calls"
        self.clusters = folder / "clusters"
        self.calls.touch()
        self.clusters.touch()
        tools = built_folder(cache, TOOLS)
        for name, body in (("kind", KIND), ("kubectl", 'exit "${FAULT:-0}"'), ("helm", "")):
            make(tools / name, body)
        make(folder / "bin" / "docker", "echo 29.0")

    def asked(self) -> list[str]:
        """Commands given to kind, without the questions."""
        lines = self.calls.read_text().splitlines()
        return [" ".join(line.split()[:2]) for line in lines if not line.startswith("get")]


@pytest.fixture
def docker(
    tmp_path: Path,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    make_program: Callable[[Path, str], Path],
) -> Docker:
    """Give a machine with a Docker engine."""
    machine = Docker(tmp_path, cache, make_program)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(machine.calls))
    monkeypatch.setenv("CLUSTERS", str(machine.clusters))
    engine_answers.cache_clear()
    return machine


def test_an_engine_that_answers_means_kind(cache: Cache, docker: Docker) -> None:
    """The choice follows the engine, not the client."""
    assert isinstance(choose(cache, {}), KindCluster)
    assert docker.asked() == []


def test_up_twice_creates_once(cache: Cache, docker: Docker) -> None:
    """A healthy cluster is kept, and its kubeconfig written again."""
    cluster = KindCluster(cache)
    cluster.up()
    cache.kubeconfig.unlink()
    cluster.up()
    assert docker.asked() == ["create cluster"]
    assert cache.kubeconfig.read_text() == "kubeconfig\n"


def test_a_broken_cluster_is_replaced(
    cache: Cache, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not answer is deleted first; if the new one is broken too, that is said."""
    docker.clusters.write_text("meshmigrate\n")
    monkeypatch.setenv("FAULT", "1")
    with pytest.raises(ClusterError, match="does not work"):
        KindCluster(cache).up()
    assert docker.asked() == ["delete cluster", "create cluster"]


def test_only_our_cluster_is_deleted(cache: Cache, docker: Docker) -> None:
    """Others stay, and deleting nothing is harmless."""
    docker.clusters.write_text("somebody-elses\n")
    ensured = KindCluster(cache)
    ensured.up()
    ensured.down()
    ensured.down()
    assert docker.asked() == ["create cluster", "delete cluster"]


def test_images_come_as_archives(cache: Cache, docker: Docker, tmp_path: Path) -> None:
    """The same archives as elsewhere."""
    cluster = KindCluster(cache)
    cluster.up()
    cluster.load(tmp_path / "image.tar")
    assert docker.asked() == ["create cluster", "load image-archive"]
