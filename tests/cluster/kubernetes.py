"""kubectl, helm and the node, as a person would use them; and waiting with a deadline."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hack.cluster.docker import engine_answers
from tests.cluster.node_program import KIND_NODE, signal_program

ROOT = Path(__file__).parents[2]
UNREACHABLE = "node.kubernetes.io/unreachable"
SYSTEM_NAMESPACE = "meshmigrate-system"
OPERATORS = "app.kubernetes.io/instance=meshmigrate,app.kubernetes.io/component=operator"

Json = dict[str, Any]
T = TypeVar("T")


def eventually(what: str, check: Callable[[], T | None], *, seconds: float = 60) -> T:
    """Give the first true answer.

    Raises
    ------
    AssertionError
        If none comes within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)


@dataclass(frozen=True)
class Cluster:
    """The local cluster: ``environment`` leads the programs to it."""

    environment: dict[str, str]

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """Run a program from the checkout and give its output.

        Raises
        ------
        AssertionError
            If it fails; with everything it said.
        """
        done = self.attempt(*argv, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program that may fail."""
        return subprocess.run(
            argv,
            input=stdin,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def kubectl(self, *argv: str, stdin: str | None = None) -> str:
        """Run kubectl."""
        return self.run("kubectl", *argv, stdin=stdin)

    def get(self, *argv: str) -> Json:
        """Give what kubectl gets, as JSON."""
        found: Json = json.loads(self.kubectl("get", *argv, "-o", "json"))
        return found

    def kill_container(self, pod: Json) -> None:
        """Send SIGKILL to the first container of a pod, from outside: nothing can catch it."""
        container = pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
        self.ctr("tasks", "kill", "--signal", "SIGKILL", container)

    def ctr(self, *argv: str) -> str:
        """Run containerd's own client on the node, which needs no API server."""
        node = ["docker", "exec", KIND_NODE] if engine_answers() else []
        return self.run(*node, "ctr", "--namespace", "k8s.io", *argv)

    def image_digest(self, image: str) -> str:
        """Give the digest of an image on the node."""
        return self.ctr("images", "list", f"name=={image}").splitlines()[1].split()[2]

    def lease(self) -> Json:
        """Give the Lease by which one operator is active."""
        spec: Json = self.get("lease", "meshmigrate", "-n", SYSTEM_NAMESPACE)["spec"]
        return spec

    @contextmanager
    def lost_node(self) -> Iterator[None]:
        """Stop the kubelet: to the cluster the node is gone, while its containers go on.

        At the end all is as before: the node is ready, and so are the deployments.
        """
        signal_program("kubelet", signal.SIGSTOP)
        try:
            eventually("the node is missed", self._node_is_missed)
            # Where no node is left Kubernetes takes the network for broken and evicts nobody, in
            # most cases: it looks once a second. Where others are left it sets this taint.
            time.sleep(2)
            self.kubectl("taint", "nodes", "--all", "--overwrite", f"{UNREACHABLE}:NoExecute")
            yield
        finally:
            signal_program("kubelet", signal.SIGCONT)
            # Ready is what it was called when it was lost, for a moment.
            eventually("the node reports again", self._node_reports)
            self.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")

    def _node_is_missed(self) -> bool:
        conditions = self.get("nodes")["items"][0]["status"]["conditions"]
        return any(each["type"] == "Ready" and each["status"] == "Unknown" for each in conditions)

    def _node_reports(self) -> bool:
        taints = self.get("nodes")["items"][0]["spec"].get("taints", [])
        return not any(taint["key"] == UNREACHABLE for taint in taints)

    def operator_pod(self) -> Json:
        """Give the pod of the active operator."""
        name = self.lease()["holderIdentity"].partition("_")[0]
        return self.get("pod", name, "-n", SYSTEM_NAMESPACE)

    def operator_logs(self, *options: str) -> str:
        """Give what all operators have said."""
        selector = ("-l", OPERATORS, "--prefix", "--tail=-1")
        return self.kubectl("-n", SYSTEM_NAMESPACE, "logs", *selector, *options)


def environment() -> dict[str, str]:
    """Give the environment that leads to the local cluster."""
    script = f'eval "$({sys.executable} -m hack.cluster env)"; env -0'
    listed = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    pairs = (line.partition("=") for line in listed.stdout.split("\0") if line)
    return {**os.environ, **{name: value for name, _, value in pairs}}
