"""From a DatabaseMigration's creation to its success, beside a bare Job in the same round."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bench.api import Api
from bench.sightings import Sightings
from bench.stage import DATABASE_MIGRATIONS, JOBS, NAMESPACE, PODS, apply, apply_bare_job, query
from hack.demo.shell import Shell

_JOB_OF_A_RUN: Final = re.compile(r"-[0-9a-f]{8}-\d+-\d+$")


@dataclass(frozen=True, slots=True)
class Round:
    """One migration and one bare Job; all times in seconds."""

    total: float
    """From the resource's creation to its condition Ready."""
    until_pod: float
    """From the resource's creation until its pod exists."""
    start: float
    """From there until the runner is connected: scheduling, volumes, container, imports."""
    run: float
    """From there to the run's end."""
    exit: float
    """From there until the kubelet has told that the container has terminated."""
    after_pod: float
    """From there to Ready."""
    sql: float
    """What the server needed for the files, as the ledger has it; a part of ``run``."""
    floor: float
    """The bare Job's pod, from existing to terminated."""
    floor_start: float
    """The bare Job's pod, from existing until its program runs."""

    @property
    def own(self) -> float:
        """What is ours in it: the operator's time, and the runner's that is not SQL.

        Leaves out the pod's start, and from the run's end to the container's being known as
        terminated: the kubelet looks once a second, which hides what happens in between.
        """
        runner = self.start - self.floor_start + self.run - self.sql
        return self.until_pod + runner + self.after_pod


def measure(shell: Shell, api: Api, runs: list[str]) -> list[Round]:
    """Do one round after the other, each on a quiet cluster.

    The kubelet looks at its containers once a second, and what is created right after such a
    look meets the next ones always at the same point; so the rounds are spread over that second.

    Raises
    ------
    TimeoutError
        If a migration or a bare Job does not end.
    """
    sightings, image = watch_all(shell, api)
    return [
        _round(shell, api, sightings, run, image, phase=index / len(runs))
        for index, run in enumerate(runs)
    ]


def watch_all(shell: Shell, api: Api) -> tuple[Sightings, str]:
    """Begin to watch everything; give what is seen, and the image of the operator."""
    sightings = Sightings()
    sightings.watch(api, PODS, _pod_states)
    sightings.watch(api, JOBS, _job_states)
    sightings.watch(api, DATABASE_MIGRATIONS, _resource_states)
    image = shell.ask(
        "kubectl -n meshmigrate-system get deployment meshmigrate"
        " -o jsonpath='{.spec.template.spec.containers[0].image}'"
    )
    return sightings, image


def _round(
    shell: Shell, api: Api, sightings: Sightings, run: str, image: str, *, phase: float
) -> Round:
    bare = f"bare-{run}"
    time.sleep(phase)
    apply_bare_job(api, bare, image, run=run)
    floor_exists = sightings.wait(bare, "Exists")
    floor_terminated = sightings.wait(bare, "Terminated")
    sightings.wait(bare, "Complete")
    floor_runs = _monotonic(float(shell.ask(f"kubectl -n {NAMESPACE} logs job/{bare}")))

    time.sleep(phase)
    began = apply(api, run)
    ready = sightings.wait(run, "Ready")
    exists = sightings.wait(run, "Exists")
    terminated = sightings.wait(run, "Terminated")
    sightings.wait(run, "Complete")
    last = api.get(f"{DATABASE_MIGRATIONS}/{run}")["status"]["lastRun"]
    connected, finished = (
        _monotonic(datetime.fromisoformat(last[name]).timestamp())
        for name in ("startedAt", "finishedAt")
    )
    sql = query(
        shell,
        "select extract(epoch from sum(duration)) from meshmigrate.applied",
        database=run,
    )
    return Round(
        total=ready - began,
        until_pod=exists - began,
        start=connected - exists,
        run=finished - connected,
        exit=terminated - finished,
        after_pod=ready - terminated,
        sql=float(sql),
        floor=floor_terminated - floor_exists,
        floor_start=floor_runs - floor_exists,
    )


def _monotonic(seconds: float) -> float:
    """Bring a pod's time of day to our monotonic clock: all pods are on this machine."""
    return seconds - time.time() + time.monotonic()


def _pod_states(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    labels = pod["metadata"].get("labels", {})
    if "batch.kubernetes.io/job-name" not in labels:
        return
    subject = _subject(labels["batch.kubernetes.io/job-name"])
    yield subject, "Exists"
    statuses = pod["status"].get("containerStatuses", [])
    if any("terminated" in status["state"] for status in statuses):
        yield subject, "Terminated"


def _job_states(job: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return _true_conditions(_subject(job["metadata"]["name"]), job)


def _resource_states(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return _true_conditions(resource["metadata"]["name"], resource)


def _true_conditions(subject: str, shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for condition in shown.get("status", {}).get("conditions", []):
        if condition["status"] == "True":
            yield subject, condition["type"]


def _subject(job_name: str) -> str:
    return _JOB_OF_A_RUN.sub("", job_name)
