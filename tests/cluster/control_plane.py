"""The API server of the local cluster: making it deaf for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP, Signals

from hack.cluster.docker import engine_answers
from hack.cluster.paths import cache_from
from hack.cluster.processes import recorded
from tests.cluster.kubernetes import KIND_NODE, Cluster, Json


@contextmanager
def frozen_api(cluster: Cluster) -> Iterator[None]:
    """Stop the API server as it is: whoever asks it gets no answer, not even a refusal."""
    _signal(cluster, SIGSTOP)
    try:
        yield
    finally:
        _signal(cluster, SIGCONT)


def is_running(cluster: Cluster, pod: Json) -> bool:
    """Say whether the first container of a pod runs, without asking the API server."""
    container = pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
    tasks = cluster.ctr("tasks", "ls").splitlines()
    return any(container in line and "RUNNING" in line for line in tasks)


def _signal(cluster: Cluster, number: Signals) -> None:
    if engine_answers():
        cluster.run("docker", "exec", KIND_NODE, "pkill", f"-{number.value}", "kube-apiserver")
        return
    process = recorded(cache_from().state / "kube-apiserver.pid")
    assert process is not None
    process.send(number)
