"""The API server of the local cluster: making it deaf for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

from tests.cluster.kubernetes import Cluster, Json
from tests.cluster.node_program import signal_program


@contextmanager
def frozen_api() -> Iterator[None]:
    """Stop the API server as it is: whoever asks it gets no answer, not even a refusal."""
    signal_program("kube-apiserver", SIGSTOP)
    try:
        yield
    finally:
        signal_program("kube-apiserver", SIGCONT)


def is_running(cluster: Cluster, pod: Json) -> bool:
    """Say whether the first container of a pod runs, without asking the API server."""
    container = pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
    tasks = cluster.ctr("tasks", "ls").splitlines()
    return any(container in line and "RUNNING" in line for line in tasks)
