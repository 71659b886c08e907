"""kubectl, helm and the node, as a person would use them; and waiting with a deadline."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hack.cluster.docker import engine_answers

ROOT = Path(__file__).parents[2]
SYSTEM_NAMESPACE = "meshmigrate-system"
_KIND_NODE = "meshmigrate-control-plane"

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
        """Run containerd's own client on the node."""
        where = ["docker", "exec", _KIND_NODE] if engine_answers() else []
        return self.run(*where, "ctr", "--namespace", "k8s.io", *argv)

    def image_digest(self, image: str) -> str:
        """Give the digest of an image on the node."""
        listed = self.ctr("images", "list", f"name=={image}").splitlines()[1]
        return listed.split()[2]

    def operator_pod(self) -> Json:
        """Give the operator's pod."""
        selector = "app.kubernetes.io/instance=meshmigrate"
        pods: list[Json] = self.get("pods", "-n", SYSTEM_NAMESPACE, "-l", selector)["items"]
        assert len(pods) == 1, [pod["metadata"]["name"] for pod in pods]
        return pods[0]


def environment() -> dict[str, str]:
    """Give the environment that leads to the local cluster."""
    script = f'eval "$({sys.executable} -m hack.cluster env)"; env -0'
    listed = subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    pairs = (line.partition("=") for line in listed.stdout.split("\0") if line)
    return {**os.environ, **{name: value for name, _, value in pairs}}
