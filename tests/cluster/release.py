"""The release of the chart that the tests work with."""

import json

from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, Json

PRESENT = "charts/meshmigrate"
PREVIOUS = "tests/chart/previous"
_UNREACHABLE = {
    "key": "node.kubernetes.io/unreachable",
    "operator": "Exists",
    "effect": "NoExecute",
}
"""A test makes the only node look lost: the operator has nowhere else to be."""
_VALUES = {
    "allowedServiceAccounts": ["default", "migrations"],
    "allowedLabels": ["cost.example.com/*"],
    "notifications": {"secretName": "channels"},
}


def install(cluster: Cluster, chart: str = PRESENT, *, reuse: bool = False, **more: Json) -> None:
    """Install a version of the chart, or upgrade to it, and wait until its operators are ready.

    ``reuse``: with the values of the release as it is. ``more`` are values for this time.
    """
    values = {"tolerations": [_UNREACHABLE], **(_VALUES if chart == PRESENT else {}), **more}
    cluster.run(
        *("helm", "upgrade", "--install", "meshmigrate", chart, "--values", "-"),
        *("--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "2m"),
        # A test applies definitions by kubectl, which owns them then.
        *("--force-conflicts", *["--reuse-values"] * reuse),
        stdin=json.dumps(values),
    )
