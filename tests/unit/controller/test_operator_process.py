"""The operator as a process, over HTTP: how it ends, what it survives, and who takes over."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from meshmigrate.controller.clock import utc_now
from meshmigrate.domain.outcome import Outcome
from tests.scripted.collector import collecting
from tests.scripted.exchange import failure
from tests.scripted.kinds import LEASES, Json
from tests.scripted.receiver import listening
from tests.scripted.server import ApiServer
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster, resource_body

LEASE = ("--lease", "system/meshmigrate")
FAST = (
    *(*LEASE, "--lease-duration", "3"),
    *("--lease-renew-deadline", "2", "--lease-retry-period", "0.4"),
)
ENDS_WITHIN_SECONDS = 25
"""Less than it waits for an answer of the API; ``bench operator`` holds it to two seconds."""
_MAIN = "from meshmigrate.cli.main import main; main()"


class PresentTime(Clock):
    """The wall clock of this machine, for processes that have no other."""

    def __call__(self) -> datetime:
        """Give the present moment."""
        return utc_now()


class Operators:
    """A scripted cluster, and the operator processes in it."""

    def __init__(self, folder: Path) -> None:
        self.cluster = ScriptedCluster(PresentTime())
        self.server = ApiServer(self.cluster.api)
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def log(self) -> str:
        """Give what the first of them has written."""
        return (self.folder / "operator-0.log").read_text()

    def start(self, *options: str, port: int = 0, **variables: str) -> subprocess.Popen[bytes]:
        """Start one."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "KUBECONFIG": str(self.server.kubeconfig(self.folder)),
            **variables,
        }
        log = (self.folder / f"operator-{len(self.processes)}.log").open("wb")
        program = (sys.executable, "-c", _MAIN, "operator", "--runner-image", "runner:1")
        with log:
            process = subprocess.Popen(
                (*program, "--port", str(port or free_port()), *options),
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def until(self, what: str, holds: Callable[[], object], *, seconds: float = 30) -> None:
        """Wait for something.

        Raises
        ------
        AssertionError
            If it does not come; with what the operators said.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                said = [file.read_text() for file in sorted(self.folder.glob("*.log"))]
                raise AssertionError(f"not within {seconds} s: {what}\n" + "\n".join(said))
            time.sleep(0.02)

    def begin_run(self) -> str:
        """Apply a resource, and give the Job that follows."""
        self.cluster.apply(resource_body())
        self.until("a Job", lambda: self.cluster.created_jobs)
        return self.cluster.created_jobs[-1]

    def phase_becomes(self, phase: str) -> None:
        """Wait for a phase."""
        self.until(phase, lambda: self.cluster.body()["status"]["phase"] == phase)

    @property
    def lease(self) -> Json:
        """The Lease as stored."""
        found = self.cluster.api.objects[LEASES.plural].get(("system", "meshmigrate"))
        return found["spec"] if found else {}


def free_port() -> int:
    """Give a port that nobody listens on at the moment."""
    import socket  # noqa: PLC0415  nothing else here speaks of sockets

    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def operators(tmp_path: Path) -> Iterator[Operators]:
    """Give a cluster without any operator yet; those started are gone afterwards."""
    here = Operators(tmp_path)
    with here.server.listening():
        yield here
        for process in here.processes:
            process.kill()
            process.wait()


def test_it_ends_at_a_signal(operators: Operators) -> None:
    """With exit code 0, and the Lease given back."""
    process = operators.start(*LEASE)
    operators.begin_run()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
    assert operators.lease["holderIdentity"] == ""


def test_a_signal_that_its_parent_held_back_ends_it_too(operators: Operators) -> None:
    """A process begins with the signal mask of its parent."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        process = operators.start(*LEASE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    operators.begin_run()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0


def test_it_ends_in_time_although_the_api_does_not_answer(operators: Operators) -> None:
    """What cannot be done any more is left undone; the Lease ends by itself."""
    process = operators.start(*LEASE)
    operators.begin_run()
    operators.server.hang = True
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
    assert operators.lease["holderIdentity"] != ""


def test_it_survives_an_outage_of_the_api(operators: Operators) -> None:
    """The run goes on without it; the same process stores the end when the API is back."""
    process = operators.start(*LEASE)
    job = operators.begin_run()
    operators.server.stop()
    operators.cluster.start_pod(job)
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    time.sleep(2)
    operators.server.start()
    operators.phase_becomes("Succeeded")
    assert process.poll() is None


def test_an_error_in_a_watch_ends_it_and_the_next_one_goes_on(operators: Operators) -> None:
    """Crash-only: it ends with exit code 1 and gives the Lease back; nothing is lost."""
    process = operators.start(*LEASE)
    job = operators.begin_run()
    operators.server.say_in_streams(failure(500, "InternalError", "etcd has no leader").body)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 1
    assert operators.lease["holderIdentity"] == ""
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    operators.start(*LEASE)
    operators.phase_becomes("Succeeded")
    assert operators.cluster.created_jobs == [job]


def test_a_watch_that_is_too_old_begins_anew(operators: Operators) -> None:
    """410: everything is listed again, and what happened meanwhile is seen."""
    process = operators.start()
    job = operators.begin_run()
    operators.server.silent = True
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    created = operators.cluster.created_jobs
    operators.cluster.api.forget_history()
    operators.server.silent = False
    operators.phase_becomes("Succeeded")
    assert process.poll() is None
    assert created == [job]


def test_a_late_watch_changes_nothing_about_the_end(operators: Operators) -> None:
    """Events that come late, and all at once, lead to the same end."""
    operators.start()
    job = operators.begin_run()
    operators.server.silent = True
    operators.cluster.start_pod(job)
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    time.sleep(0.5)
    operators.server.silent = False
    operators.phase_becomes("Succeeded")
    assert operators.cluster.created_jobs == [job]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_standby_takes_over_and_finishes_the_run(
    operators: Operators, number: signal.Signals
) -> None:
    """Stopped or killed: the other one has seen everything, and there is one Job."""
    ports = (free_port(), free_port())
    first = operators.start(*FAST, port=ports[0])
    operators.until("a leader", lambda: operators.lease.get("holderIdentity"))
    holder = operators.lease["holderIdentity"]
    operators.start(*FAST, port=ports[1])
    job = operators.begin_run()
    operators.until("a standby that is ready", lambda: ask(ports[1], "readyz") == "ok\n")
    assert "meshmigrate_leader 1.0" in ask(ports[0], "metrics")
    assert "meshmigrate_leader 0.0" in ask(ports[1], "metrics")
    assert "meshmigrate_migrations{" not in ask(ports[1], "metrics")
    first.send_signal(number)
    operators.until("another leader", lambda: operators.lease["holderIdentity"] not in {"", holder})
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    operators.phase_becomes("Succeeded")
    assert operators.cluster.created_jobs == [job]
    assert "meshmigrate_leader 1.0" in ask(ports[1], "metrics")


def test_the_leader_alone_tells_and_its_successor_tells_what_it_could_not(
    operators: Operators,
) -> None:
    """Killed while its receiver is away; the standby had sent nothing, and then delivers once."""
    with listening() as receiver:
        receiver.down = True
        told = ("--notify-config", str(receiver.channels(operators.folder)))
        first = operators.start(*FAST, *told)
        operators.until("a leader", lambda: operators.lease.get("holderIdentity"))
        port = free_port()
        operators.start(*FAST, *told, port=port)
        operators.until("a standby that is ready", lambda: ask(port, "readyz") == "ok\n")
        ends_with(Outcome.ROLLED_BACK)(operators.cluster, operators.begin_run())
        operators.until("an attempt", lambda: entry_of(operators).get("attempts") == 1)
        first.kill()
        assert receiver.refused == 1
        receiver.down = False
        operators.until("a delivery", lambda: entry_of(operators)["state"] == "Delivered")
    (event,) = receiver.events
    assert event["id"] == entry_of(operators)["id"]
    assert event["data"]["outcome"] == "RolledBack"
    assert 'meshmigrate_notifications_total{outcome="delivered"} 1.0' in ask(port, "metrics")


def entry_of(operators: Operators) -> Json:
    """Give the only notification in the status."""
    entries: list[Json] = operators.cluster.body()["status"].get("notifications", [{}])
    return entries[0]


def test_each_line_is_a_json_object_that_names_its_run(operators: Operators) -> None:
    """From the first to the last, at DEBUG too, those of Kopf and of the client among them."""
    process = operators.start(*LEASE, "--log-level", "DEBUG")
    job = operators.begin_run()
    run_id = operators.cluster.body()["status"]["currentRun"]["id"]
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    operators.phase_becomes("Succeeded")
    operators.server.say_in_streams(failure(500, "InternalError", "etcd has no leader").body)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 1
    lines = [json.loads(line) for line in operators.log().splitlines()]
    required = ("apiVersion", "time", "level", "logger", "event", "message")
    assert [line for line in lines if tuple(line)[:6] != required] == []
    about = [line for line in lines if line.get("resource") == "app/web"]
    assert {line["event"] for line in about} >= {"step", "run-finished"}
    about += [line for line in lines if re.search(r"\bapp/web\b|\bweb-", json.dumps(line))]
    assert [line for line in about if line.get("runId") != run_id] == []
    assert any(line["logger"].startswith("kopf") for line in lines)
    assert [line["event"] for line in lines if line["level"] == "critical"] == ["ended"]


def test_lines_for_people_are_no_json(operators: Operators) -> None:
    """LOG_FORMAT=console."""
    process = operators.start(LOG_FORMAT="console")
    operators.until("ready", lambda: "resources read" in operators.log())
    process.terminate()
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
    assert "{" not in operators.log().splitlines()[0]


def test_who_loses_the_lease_ends_at_once(operators: Operators) -> None:
    """Another one may be active: no farewell, exit code 1, the Lease is left alone."""
    process = operators.start(*FAST)
    operators.until("a leader", lambda: operators.lease.get("holderIdentity"))
    body = operators.cluster.api.objects[LEASES.plural]["system", "meshmigrate"]
    taken = json.loads(json.dumps(body))
    taken["spec"]["holderIdentity"] = "somebody-else"
    operators.cluster.api.put(LEASES, taken, body)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 1
    assert operators.lease["holderIdentity"] == "somebody-else"


def ask(port: int, what: str) -> str:
    """Ask an operator over HTTP; empty if it does not answer well."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{what}") as answer:
        text: str = answer.read().decode()
        return text
    return ""


def finish_traced_run(operators: Operators, endpoint: str) -> list[Json]:
    """Let a run end, and the operator with it; give the lines of its log about the run."""
    process = operators.start(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    job = operators.begin_run()
    operators.cluster.start_pod(job)
    operators.phase_becomes("Running")
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    operators.phase_becomes("Succeeded")
    operators.until("the end in the log", lambda: "run-finished" in operators.log())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
    lines = [json.loads(line) for line in operators.log().splitlines()]
    return [line for line in lines if line["event"] == "run-finished"]


def test_its_spans_reach_the_collector(operators: Operators) -> None:
    """Those of the last moments too; runners are told the collector, lines of the log the trace."""
    with collecting() as collector:
        (line,) = finish_traced_run(operators, collector.url)
        (job,) = operators.cluster.jobs.values()
        container = job["spec"]["template"]["spec"]["containers"][0]
        endpoint = {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": collector.url}
        assert endpoint in container["env"]
        (run,) = collector.named("migration")
        steps = collector.named("reconcile")
        assert {span.parent_id for span in steps} == {run.span_id}
        assert line["traceId"] == run.trace_id


def test_a_dead_collector_costs_it_nothing(operators: Operators) -> None:
    """The run ends, the process too, and each line of the log is JSON."""
    (line,) = finish_traced_run(operators, f"http://127.0.0.1:{free_port()}")
    assert line["outcome"] == "Succeeded"
    assert operators.log().count("opentelemetry") < 10


def test_without_a_collector_nothing_of_opentelemetry_is_imported(operators: Operators) -> None:
    """A run from its start to its end, and each module that was looked for on the way."""
    process = operators.start(PYTHONVERBOSE="1")
    job = operators.begin_run()
    ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
    operators.until("the end in the log", lambda: "run-finished" in operators.log())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=ENDS_WITHIN_SECONDS) == 0
    imported = set(re.findall(r"^import '([\w.]+)'", operators.log(), re.MULTILINE))
    assert "meshmigrate.observe.traces" in imported
    assert {name for name in imported if name.startswith("opentelemetry")} == set()
    assert "meshmigrate.observe.otlp" not in imported
