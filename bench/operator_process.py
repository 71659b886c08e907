"""The operator as a process of this machine, and what it costs."""

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Final

from bench.process import MESHMIGRATE
from hack.demo.metrics import total
from tests.postgres.ports import free_port

_WRITES: Final = frozenset({"create", "update", "patch", "delete"})
_READY_SECONDS: Final = 120.0
_END_SECONDS: Final = 30.0


class OperatorProcess:
    """One that runs; all times in seconds."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._port = port
        self._log = log
        self._began = time.monotonic()

    def wait_ready(self) -> float:
        """Wait until it answers its readiness probe well; give the time since it was started.

        Raises
        ------
        TimeoutError
            If that does not happen; with the end of its log.
        """
        while time.monotonic() < self._began + _READY_SECONDS and self._process.poll() is None:
            with suppress(OSError, HTTPException):
                self._ask("readyz")
                return time.monotonic() - self._began
            time.sleep(0.05)
        raise TimeoutError(f"the operator is not ready: {self._log.read_text()[-2000:]}")

    def writes(self) -> float:
        """Count its requests that write, those for a Lease included."""
        return self._requests(lambda labels: labels["verb"] in _WRITES)

    def conflicts(self) -> float:
        """Count the requests that met another state than they had read."""
        return self._requests(lambda labels: labels["code"] == "409")

    def queue_depth(self) -> float:
        """Give how many keys wait for a worker."""
        found = re.search(r"^meshmigrate_queue_depth (\S+)$", self._ask("metrics"), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def scrape(self) -> float:
        """Take the metrics; give the time it took."""
        began = time.monotonic()
        self._ask("metrics")
        return time.monotonic() - began

    def processor(self) -> float:
        """Give the processor time that it has used."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self) -> float:
        """Give its resident set at its largest."""
        line = next(each for each in self._proc("status").splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def stop(self) -> float:
        """Send SIGTERM; give the time until it has ended."""
        began = time.monotonic()
        self._process.terminate()
        self._process.wait(_END_SECONDS)
        return time.monotonic() - began

    def _requests(self, wanted: Callable[[Mapping[str, str]], bool]) -> float:
        return total(self._ask("metrics"), "meshmigrate_api_requests_total", wanted)

    def _ask(self, what: str) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._port}/{what}", timeout=_END_SECONDS
        ) as answer:
            text: str = answer.read().decode()
            return text

    def _proc(self, what: str) -> str:
        return Path("/proc", str(self._process.pid), what).read_text()


@contextmanager
def running_operator(kubeconfig: Path, folder: Path, *options: str) -> Iterator[OperatorProcess]:
    """Run one while the block runs."""
    port = free_port()
    log = folder / f"operator-{port}.log"
    command = (*MESHMIGRATE, "operator", "--runner-image", "runner:1", "--port", str(port))
    environment = os.environ | {"KUBECONFIG": str(kubeconfig)}
    with log.open("wb") as out:
        process = subprocess.Popen((*command, *options), env=environment, stdout=out, stderr=out)
    try:
        yield OperatorProcess(process, port, log)
    finally:
        process.kill()
        process.wait()
