"""The chain from the operator's metrics to a page: the chart's alerts, with short intervals."""

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hack.cluster.debian import ensure
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.monitoring.pager import Pager, pager

PROGRAMS: Final[Mapping[str, str]] = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
RULES: Final = Path(__file__).parents[2] / "charts" / "meshmigrate" / "files" / "alerts.yaml"
_FORWARDED: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Monitoring:
    """A Prometheus that scrapes every operator, and where its pages arrive."""

    prometheus: str
    pager: Pager

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Give the series of an expression as they are now."""
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?{asked}") as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found


@contextmanager
def monitoring(
    cache: Cache, environment: Mapping[str, str], namespace: str, folder: Path
) -> Iterator[Monitoring]:
    """Watch the operators of a namespace while the block runs; everything is kept in ``folder``.

    Raises
    ------
    ClusterError
        If a program is missing and cannot be installed, or does not start.
    """
    ensure(cache, PROGRAMS)
    with ExitStack() as stack:
        here = stack.enter_context(pager())
        targets = [
            stack.enter_context(_forwarded(environment, namespace, pod))
            for pod in _operators(environment, namespace)
        ]
        alertmanager, prometheus = _free_ports(2)
        folder.joinpath("alertmanager.yml").write_text(json.dumps(_alertmanager_config(here.url)))
        folder.joinpath("prometheus.yml").write_text(
            json.dumps(_prometheus_config(targets, alertmanager))
        )
        # An alert would be kept for two minutes to outlast a restart of the operator.
        rules = RULES.read_text().replace("keep_firing_for: 2m", "keep_firing_for: 2s")
        folder.joinpath("alerts.yaml").write_text(rules)
        stack.enter_context(
            _program(
                folder,
                "prometheus-alertmanager",
                "--config.file=alertmanager.yml",
                "--storage.path=alertmanager",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            _program(
                folder,
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=prometheus",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            )
        )
        for port in (alertmanager, prometheus):
            _await_ready(f"http://127.0.0.1:{port}/-/ready")
        watched = Monitoring(f"http://127.0.0.1:{prometheus}", here)
        # What a counter was before its first scrape is unknown, so what it rises by until then too.
        await_true(
            "Prometheus to have scraped every operator",
            lambda: len(watched.query("up == 1")) == len(targets),
            seconds=_START_SECONDS,
        )
        yield watched


def _alertmanager_config(url: str) -> dict[str, Any]:
    return {
        "route": {
            "receiver": "pager",
            "group_by": ["alertname", "namespace", "name"],
            "group_wait": "1s",
            "group_interval": "2s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "pager", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }


def _prometheus_config(targets: list[str], alertmanager: int) -> dict[str, Any]:
    managers = [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"],
        "alerting": {"alertmanagers": managers},
        "scrape_configs": [
            {
                "job_name": "meshmigrate",
                "honor_labels": True,
                "static_configs": [{"targets": targets}],
            }
        ],
    }


def _operators(environment: Mapping[str, str], namespace: str) -> list[str]:
    selector = "app.kubernetes.io/name=meshmigrate,app.kubernetes.io/component=operator"
    listed = subprocess.run(
        ["kubectl", "-n", namespace, "get", "pods", "-l", selector, "-o", "name"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0 or not listed.stdout.strip():
        raise ClusterError(f"no operator in namespace {namespace}: {listed.stderr.strip()}")
    return listed.stdout.split()


@contextmanager
def _forwarded(environment: Mapping[str, str], namespace: str, pod: str) -> Iterator[str]:
    """Reach a pod's metrics from this machine, on kind as well; give the address."""
    command = ["kubectl", "-n", namespace, "port-forward", "--address=127.0.0.1", pod, ":8080"]
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as forward:
        try:
            if forward.stdout is None:
                raise AssertionError("Popen gives a pipe for each PIPE")
            said = forward.stdout.readline()
            found = _FORWARDED.search(said)
            if found is None:
                raise ClusterError(f"{' '.join(command)}: {said.strip()}")
            yield f"127.0.0.1:{found[1]}"
        finally:
            _end(forward)


@contextmanager
def _program(folder: Path, *argv: str) -> Iterator[None]:
    with (
        folder.joinpath(f"{argv[0]}.log").open("w") as log,
        subprocess.Popen(argv, cwd=folder, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield
        finally:
            _end(process)


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _free_ports(count: int) -> list[int]:
    """Give ports that are free now; all are held until all are known."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in taken]


def _await_ready(url: str) -> None:
    await_true(f"{url} to answer", lambda: _answers(url), seconds=_START_SECONDS)


def await_true(what: str, check: Callable[[], object], *, seconds: float) -> None:
    """Wait until something is true.

    Raises
    ------
    ClusterError
        If it is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, TimeoutError):
        return False
