"""Why a container has not started, and who can change that how."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from meshmigrate.controller.attempt import Absent, Waiting
from meshmigrate.controller.missing import NOTHING_TO_EDIT, Obstacle, missing_object
from meshmigrate.controller.observed import Observed, ObservedEvent, ObservedPod
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.reason import Reason

_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_STARTING_REASONS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_BACK_OFF_PREFIX: Final = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull)?(: )?')
_VOLUME: Final = re.compile(r'volume "([^"]+)"')
_SERVICE_ACCOUNT: Final = re.compile(r'serviceaccount "([^"]+)" not found')
_NO_PLUGIN: Final = "no volume plugin matched"
_EVENT_WINDOW: Final = timedelta(seconds=150)
"""The kubelet repeats a failing mount at least every 122 s: what was not repeated is over."""


def find_obstacle(
    state: Absent | Waiting, observed: Observed, spec: MigrationSpec
) -> Obstacle | None:
    """Name what keeps the attempt from starting; None while there is no sign of trouble."""
    if isinstance(state, Absent):
        return _refused_job(observed)
    if state.job.resource_uid != observed.resource.uid:
        return Obstacle(
            Reason.JOB_NAME_TAKEN,
            f"a Job named {state.job.name} exists that does not belong to this resource; delete "
            f"it: {NOTHING_TO_EDIT}",
        )
    if not state.job.has_source:
        # An API server that has not enabled image volumes drops them without a word, and what
        # mounts them (pkg/api/pod, dropImageVolumes).
        return _no_image_volumes("the API server")
    if state.pod is None:
        return _missing_pod(_recent(observed.events))
    # once the kubelet has come to the image, older events about mounts no longer hold
    return (
        _unstartable(state.pod, spec)
        or _unmountable(_recent(observed.events), spec)
        or _unschedulable(state.pod)
    )


def is_stuck(state: Absent | Waiting, observed: Observed) -> bool:
    """Say whether it is known that the attempt cannot start as things are."""
    spec = observed.resource.spec_of_run
    return spec is not None and find_obstacle(state, observed, spec) is not None


def _refused_job(observed: Observed) -> Obstacle | None:
    if observed.denial_of_run is not None:
        return Obstacle(*observed.denial_of_run)
    if not observed.job_refusal:
        return None
    return Obstacle(
        Reason.POD_NOT_CREATED,
        f"the API server refused the runner's Job: {observed.job_refusal}. Change what refuses it "
        f"(a quota, a policy, a permission): {NOTHING_TO_EDIT}",
    )


def _no_image_volumes(whose: str) -> Obstacle:
    return Obstacle(
        Reason.IMAGE_VOLUME_UNSUPPORTED,
        f"spec.source.image needs image volumes, which {whose} does not have; use Kubernetes 1.35 "
        "or newer (1.33 with the feature gate ImageVolume) and a runtime that has them, such as "
        "containerd 2.1, or put the files into ConfigMaps",
        final=True,
    )


def _missing_pod(events: list[ObservedEvent]) -> Obstacle | None:
    failed = next((event for event in events if event.reason == "FailedCreate"), None)
    if failed is None:
        return None
    if found := _SERVICE_ACCOUNT.search(failed.message):
        return Obstacle(
            Reason.SERVICE_ACCOUNT_NOT_FOUND,
            f'ServiceAccount "{found[1]}" does not exist in this namespace; create it: '
            f"{NOTHING_TO_EDIT}",
        )
    return Obstacle(
        Reason.POD_NOT_CREATED,
        f"the runner's pod cannot be created: {failed.message}. Change what refuses it (a quota, a "
        f"policy, a missing ServiceAccount): {NOTHING_TO_EDIT}",
    )


def _unmountable(events: list[ObservedEvent], spec: MigrationSpec) -> Obstacle | None:
    said = "\n".join(_latest_by_volume(events))
    if _NO_PLUGIN in said and spec.source.image is not None:
        return _no_image_volumes("the kubelet of its node")
    return missing_object(said, spec)


def _latest_by_volume(events: list[ObservedEvent]) -> Iterable[str]:
    """Give what was last said of each volume: a Secret that was missing may lack a key now."""
    latest: dict[str, str] = {}
    for event in events:
        volume = _VOLUME.search(event.message)
        if event.reason == "FailedMount" and volume:
            latest.setdefault(volume[1], event.message)
    return latest.values()


def _unstartable(pod: ObservedPod, spec: MigrationSpec) -> Obstacle | None:
    if pod.waiting_reason in _IMAGE_REASONS:
        return _unpullable(pod.waiting_message, spec)
    if pod.waiting_reason in _STARTING_REASONS:
        return None
    return Obstacle(
        Reason.POD_NOT_STARTED,
        f"the runner's container cannot start ({pod.waiting_reason}): {pod.waiting_message}",
    )


def _unpullable(said: str, spec: MigrationSpec) -> Obstacle:
    source = spec.source.image.reference if spec.source.image else ""
    which, correct = "the runner's image", "the operator's runner image"
    if source and source in said:
        which, correct = f"the image {source} of spec.source", "its name"
    detail = _BACK_OFF_PREFIX.sub("", said)
    # Of one that does not exist the kubelet tells an event only, and tries without.
    given = ", ".join(f'"{secret.name}"' for secret in spec.job.image_pull_secrets)
    check = f", check that the Secrets {given} of spec.job exist and are for its registry"
    return Obstacle(
        Reason.IMAGE_PULL_FAILED,
        f"{which} cannot be pulled{f': {detail}' if detail else ''}; make it available to the node"
        f"{check if given else ''} or correct {correct}",
    )


def _unschedulable(pod: ObservedPod) -> Obstacle | None:
    if not pod.unschedulable:
        return None
    return Obstacle(Reason.POD_NOT_STARTED, f"no node takes the runner's pod: {pod.unschedulable}")


def _recent(events: tuple[ObservedEvent, ...]) -> list[ObservedEvent]:
    """Give the events that still hold, newest first."""
    newest = sorted(events, key=lambda event: event.seen_at, reverse=True)
    return [event for event in newest if newest[0].seen_at - event.seen_at <= _EVENT_WINDOW]
