"""What the demo holds the product to: looked up, never assumed."""

import base64
import json
import urllib.parse
from typing import Any, Final

from hack.demo.errors import DemoError
from hack.demo.metrics import total
from hack.demo.setting import ACTIVE_POD, DATABASE, PASSWORD, SYSTEM_NAMESPACE, database_url
from hack.demo.shell import Shell

NAMESPACE: Final = "meshhook"
KUBECTL: Final = f"kubectl -n {NAMESPACE}"
PSQL: Final = f"{KUBECTL} exec deployment/postgres -- psql -U postgres -d {DATABASE}"
METRICS: Final = (
    f"kubectl get --raw /api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{ACTIVE_POD}:8080/proxy/metrics"
)
SECRETS: Final = tuple(
    form
    for text in (PASSWORD, database_url(PASSWORD))
    for form in (text, urllib.parse.quote(text, safe=""), base64.b64encode(text.encode()).decode())
)
"""The password and the URL as they are, percent-encoded and as Kubernetes stores them."""


def expect(promise: str, *, holds: bool) -> None:
    """Hold the product to a promise.

    Raises
    ------
    DemoError
        If it does not hold.
    """
    if not holds:
        raise DemoError(f"not as promised: {promise}")


def resource(shell: Shell, name: str) -> dict[str, Any]:
    """Give a DatabaseMigration as the API server has it."""
    found: dict[str, Any] = json.loads(shell.ask(f"{KUBECTL} get databasemigration {name} -o json"))
    return found


def condition(shell: Shell, name: str, kind: str) -> dict[str, str]:
    """Give a condition of a DatabaseMigration."""
    conditions: list[dict[str, str]] = resource(shell, name)["status"]["conditions"]
    found = [each for each in conditions if each["type"] == kind]
    expect(f"{name} has the condition {kind}", holds=bool(found))
    return found[0]


def query(shell: Shell, sql: str) -> list[str]:
    """Give the rows of a query, columns separated by ``|``."""
    return shell.ask(f'{PSQL} -At -c "{sql}"').splitlines()


def failures_counted(exposition: str) -> float:
    """Sum the runs of the namespace that the metrics count as rolled back."""
    return total(
        exposition,
        "meshmigrate_runs_total",
        lambda labels: labels["namespace"] == NAMESPACE and labels["outcome"] == "RolledBack",
    )


def places_with_the_password(shell: Shell) -> list[str]:
    """Name each place that a person or a program may read and that has the password in it."""
    kinds = "databasemigrations,jobs,pods,configmaps,events"
    readable = {
        "the resources": f"{KUBECTL} get {kinds} -o json",
        "the operator's resources": f"kubectl -n {SYSTEM_NAMESPACE} get {kinds} -o json",
        "the operators' logs": f"kubectl -n {SYSTEM_NAMESPACE} logs --tail=-1"
        " -l app.kubernetes.io/instance=meshmigrate",
        "the runners' logs": f"{KUBECTL} logs -l migrations.meshhook.dev/run --tail=-1",
        "the metrics": METRICS,
        "the ledger": f"{KUBECTL} exec deployment/postgres --"
        f" pg_dump -U postgres -d {DATABASE} --schema=meshmigrate --inserts",
    }
    said = {place: shell.ask(command) for place, command in readable.items()}
    return [place for place, text in said.items() if any(secret in text for secret in SECRETS)]
