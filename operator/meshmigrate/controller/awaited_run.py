"""Following the run that a resource asks for, look by look, to its end."""

from typing import Any, Final, NamedTuple

from meshmigrate.controller import names
from meshmigrate.controller.run_result import result_of
from meshmigrate.controller.status import Status, parse_status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import Result

Json = dict[str, Any]

_SUPERSEDED: Final = "Superseded"


class RunEnd(NamedTuple):
    """How the run that was waited for ended."""

    outcome: Outcome
    result: Result | None
    """None if the resource no longer has its details, or never had a run."""


class Look(NamedTuple):
    """What one look at the resource shows."""

    phase: str
    reason: str
    message: str
    progress: Json
    """What the run in flight is at; empty where nothing is told."""
    contents: dict[str, str]
    """What the files of each ConfigMap are: migrations, rollbacks or checks."""
    end: RunEnd | None


class AwaitedRun:
    """The run of the spec that the resource had at the first look, or of a later one.

    A status that speaks of an older spec, or of an older request to run again, is never taken for
    an end (Kubernetes API conventions, "observedGeneration"). Once the run is known it is followed
    by its id: an edit that comes after it does not make its end unseen.
    """

    def __init__(self) -> None:
        self._uid = ""
        self._generation = 0
        self._run_id = ""

    def is_another(self, resource: Json) -> bool:
        """Say whether this is a namesake, made after the resource was deleted."""
        return self._uid not in {"", resource["metadata"]["uid"]}

    def look(self, resource: Json) -> Look:
        """Take in how the resource is now."""
        metadata = resource["metadata"]
        self._uid = metadata["uid"]
        self._generation = self._generation or metadata["generation"]
        requested = metadata.get("annotations", {}).get(names.RUN_REQUEST_ANNOTATION, "")
        status = parse_status(resource.get("status"))
        ready = status.condition("Ready")
        told = (resource.get("status") or {}).get("currentRun") or {}
        return Look(
            phase=status.phase,
            reason=status.ready_reason,
            message=ready.message if ready else "",
            progress=told.get("progress") or {},
            contents={
                each["name"]: each["content"]
                for each in resource["spec"].get("source", {}).get("configMaps", ())
            },
            end=self._end(status, requested),
        )

    def _end(self, status: Status, requested: str) -> RunEnd | None:
        ended = {entry.id: entry.outcome for entry in status.history}
        followed = ended.get(self._run_id, "")
        if followed not in {"", _SUPERSEDED}:
            return _end_of(self._run_id, followed, status)
        if status.observed_generation < self._generation:
            return None
        if requested not in {"", status.last_run_request}:
            return None
        if status.current_run is not None:
            if followed or not self._run_id:
                self._run_id = status.current_run.id
            return None
        return _last_end(status) if _settled(status) else None


def _last_end(status: Status) -> RunEnd:
    """Give the end that the conditions speak of: a spec can be refused without a run."""
    last = status.last_run
    if last is None or last.reason != status.ready_reason:
        return RunEnd(_outcome(status.phase), None)
    return _end_of(last.id, last.outcome, status)


def _end_of(run_id: str, outcome: str, status: Status) -> RunEnd:
    last = status.last_run
    known = last is not None and last.id == run_id
    return RunEnd(_outcome(outcome), result_of(status, last) if last and known else None)


def _settled(status: Status) -> bool:
    """Say whether nothing more will happen to this spec by itself.

    A plan that waits for an approval gets it by another spec.
    """
    is_true = {each.type for each in status.conditions if each.status == "True"}
    failed = any(c.type == "Succeeded" and c.status == "False" for c in status.conditions)
    over = failed or status.phase == Outcome.AWAITING_APPROVAL
    return "Ready" in is_true or ("Stalled" in is_true and over)


def _outcome(word: str) -> Outcome:
    """Give the outcome of a word; one that this release does not know is a failure."""
    return Outcome(word) if word in set(Outcome) else Outcome.FAILED
