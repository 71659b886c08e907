"""``spec.job``: what of the Job's pod is the resource's own choice."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from meshmigrate.domain.runspec import Request

Quantities = dict[str, str | int]


class Resources(Request, frozen=True, kw_only=True):
    """What the runner's container may use, as in any pod."""

    requests: Quantities = field(default_factory=dict)
    limits: Quantities = field(default_factory=dict)


class Toleration(Request, frozen=True, kw_only=True):
    """A taint that the pod is scheduled in spite of, as in any pod."""

    key: str | UnsetType = UNSET
    operator: Literal["Exists", "Equal"] | UnsetType = UNSET
    value: str | UnsetType = UNSET
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | UnsetType = UNSET
    toleration_seconds: int | UnsetType = UNSET


class PullSecret(Request, frozen=True, kw_only=True):
    """A Secret that images are pulled with."""

    name: str


class JobSettings(Request, frozen=True, kw_only=True):
    """What is given to the pod beside what makes it a runner."""

    resources: Resources | None = None
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    affinity: dict[str, Any] = field(default_factory=dict)
    service_account_name: str = ""
    image_pull_secrets: tuple[PullSecret, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
