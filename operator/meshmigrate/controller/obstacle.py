"""Why a container has not started, and who can change that how."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from meshmigrate.controller.attempt import Absent, Waiting
from meshmigrate.controller.observed import Observed, ObservedEvent, ObservedPod
from meshmigrate.controller.spec import SecretKeyRef
from meshmigrate.domain.reason import Reason

_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_STARTING_REASONS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_BACK_OFF_PREFIX: Final = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull)?(: )?')
_VOLUME: Final = re.compile(r'volume "([^"]+)"')
_SECRET: Final = re.compile(r'secret "([^"]+)" not found')
_SECRET_KEY: Final = re.compile(r"references non-existent secret key: (\S+)")
_CONFIG_MAP: Final = re.compile(r'configmap "([^"]+)" not found')
_EVENT_WINDOW: Final = timedelta(seconds=150)
"""The kubelet repeats a failing mount at least every 122 s: what was not repeated is over."""

_NOTHING_TO_EDIT: Final = "nothing else needs to be edited, the run then continues by itself"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a container from starting."""

    reason: Reason
    message: str


def find_obstacle(
    state: Absent | Waiting, observed: Observed, secret: SecretKeyRef
) -> Obstacle | None:
    """Name what keeps the attempt from starting; None while there is no sign of trouble."""
    if isinstance(state, Absent):
        return _refused_job(observed)
    if state.job.resource_uid != observed.resource.uid:
        return Obstacle(
            Reason.JOB_NAME_TAKEN,
            f"a Job named {state.job.name} exists that does not belong to this resource; delete "
            f"it: {_NOTHING_TO_EDIT}",
        )
    if state.pod is None:
        return _missing_pod(_recent(observed.events))
    # once the kubelet has come to the image, older events about mounts no longer hold
    return (
        _unstartable(state.pod)
        or _unmountable(_recent(observed.events), secret)
        or _unschedulable(state.pod)
    )


def is_stuck(state: Absent | Waiting, observed: Observed) -> bool:
    """Say whether it is known that the attempt cannot start as things are."""
    spec = observed.resource.spec_of_run
    return spec is not None and (
        find_obstacle(state, observed, spec.database.url.secret_key_ref) is not None
    )


def _refused_job(observed: Observed) -> Obstacle | None:
    if not observed.job_refusal:
        return None
    return Obstacle(
        Reason.POD_NOT_CREATED,
        f"the API server refused the runner's Job: {observed.job_refusal}. Change what refuses it "
        f"(a quota, a policy, a permission): {_NOTHING_TO_EDIT}",
    )


def _missing_pod(events: list[ObservedEvent]) -> Obstacle | None:
    failed = next((event for event in events if event.reason == "FailedCreate"), None)
    if failed is None:
        return None
    return Obstacle(
        Reason.POD_NOT_CREATED,
        f"the runner's pod cannot be created: {failed.message}. Change what refuses it (a quota, a "
        f"policy, a missing ServiceAccount): {_NOTHING_TO_EDIT}",
    )


def _unmountable(events: list[ObservedEvent], secret: SecretKeyRef) -> Obstacle | None:
    said = "\n".join(_latest_by_volume(events))
    if found := _SECRET.search(said):
        name = found[1]
        return Obstacle(
            Reason.SECRET_NOT_FOUND,
            f'Secret "{name}" does not exist in this namespace; create it with the key '
            f'"{secret.key}" holding the database URL: {_NOTHING_TO_EDIT}',
        )
    if found := _SECRET_KEY.search(said):
        return Obstacle(
            Reason.SECRET_KEY_NOT_FOUND,
            f'Secret "{secret.name}" has no key "{found[1]}"; add that key holding the database '
            f"URL: {_NOTHING_TO_EDIT}",
        )
    if found := _CONFIG_MAP.search(said):
        return Obstacle(
            Reason.CONFIG_MAP_NOT_FOUND,
            f'ConfigMap "{found[1]}" does not exist in this namespace; create it with the files as '
            f"its keys: {_NOTHING_TO_EDIT}",
        )
    return None


def _latest_by_volume(events: list[ObservedEvent]) -> Iterable[str]:
    """Give what was last said of each volume: a Secret that was missing may lack a key now."""
    latest: dict[str, str] = {}
    for event in events:
        volume = _VOLUME.search(event.message)
        if event.reason == "FailedMount" and volume:
            latest.setdefault(volume[1], event.message)
    return latest.values()


def _unstartable(pod: ObservedPod) -> Obstacle | None:
    if pod.waiting_reason in _IMAGE_REASONS:
        detail = _BACK_OFF_PREFIX.sub("", pod.waiting_message)
        return Obstacle(
            Reason.IMAGE_PULL_FAILED,
            f"the runner's image cannot be pulled{f': {detail}' if detail else ''}; make it "
            "available to the node or correct the operator's runner image",
        )
    if pod.waiting_reason in _STARTING_REASONS:
        return None
    return Obstacle(
        Reason.POD_NOT_STARTED,
        f"the runner's container cannot start ({pod.waiting_reason}): {pod.waiting_message}",
    )


def _unschedulable(pod: ObservedPod) -> Obstacle | None:
    if not pod.unschedulable:
        return None
    return Obstacle(Reason.POD_NOT_STARTED, f"no node takes the runner's pod: {pod.unschedulable}")


def _recent(events: tuple[ObservedEvent, ...]) -> list[ObservedEvent]:
    """Give the events that still hold, newest first."""
    newest = sorted(events, key=lambda event: event.seen_at, reverse=True)
    return [event for event in newest if newest[0].seen_at - event.seen_at <= _EVENT_WINDOW]
