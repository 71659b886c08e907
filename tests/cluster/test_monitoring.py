"""The real chain: Prometheus scrapes the operator, Alertmanager pages, the dashboard has data."""

import math
import shlex
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from hack.cluster.errors import ClusterError
from hack.cluster.paths import cache_from
from hack.metrics_page import panels
from hack.monitoring.chain import Monitoring, monitoring
from tests.cluster.kubernetes import ROOT, SYSTEM_NAMESPACE, Cluster, eventually
from tests.cluster.tenant import Tenant

PAGED_WITHIN_SECONDS = 60.0


@pytest.fixture
def watched(operator: Cluster, tmp_path: Path) -> Iterator[Monitoring]:
    """Give the chain, started before anything happens; its logs are shown after a failure."""
    try:
        chain = monitoring(cache_from(), operator.environment, SYSTEM_NAMESPACE, tmp_path)
        with chain as started:
            yield started
    except ClusterError:
        for log in tmp_path.glob("*.log"):
            sys.stdout.write(log.read_text())
        raise


def test_a_rollback_that_fails_pages_once_and_resolves_after_the_repair(
    tenant: Tenant, watched: Monitoring
) -> None:
    """Within a minute of its end, with all that a person needs; every panel has data meanwhile."""
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (x int);", "2_b.sql": "select 1/0;"})
    tenant.config_map("back", {"1_a.sql": "drop table a; create schema leftover;"})
    maps = [{"name": "web"}, {"name": "back", "content": "rollbacks"}]
    tenant.apply(
        source={"configMaps": maps},
        policy={"transactionMode": "PerFile"},
        notifications={"channels": ["people"]},
    )
    assert tenant.wait("Stalled")["phase"] == "RollbackFailed"
    ended = time.monotonic()

    of_ours = {"alertname": "MigrationRollbackFailed", "namespace": tenant.name}
    eventually(
        "a page", lambda: watched.pager.received("firing", **of_ours), seconds=PAGED_WITHIN_SECONDS
    )
    [(at, page)] = watched.pager.received("firing", namespace=tenant.name)
    assert at - ended <= PAGED_WITHIN_SECONDS
    assert page["labels"] == {
        **of_ours,
        "name": "web",
        "database": tenant.name,
        "phase": "RollbackFailed",
        "reason": "FingerprintMismatch",
        "severity": "critical",
    }
    assert page["annotations"]["runbook_url"] == "docs/runbooks/MigrationRollbackFailed.md"
    for title, _, queries in panels():
        for query in queries:
            eventually(f"data of the panel {title}", partial(has_data, watched, query))
    for command in runbook_commands(tenant):
        answer = tenant.cluster.kubectl(*command)
        assert answer.strip() or "--previous" in command, command

    tenant.query("drop schema leftover")
    tenant.config_map("web-2", {"1_a.sql": "create table a (x int);"})
    tenant.apply(source={"configMaps": [{"name": "web-2"}]})
    tenant.wait("Ready")
    eventually("the page resolves", lambda: watched.pager.received("resolved", **of_ours))
    assert len(watched.pager.received("firing", namespace=tenant.name)) == 1


def runbook_commands(tenant: Tenant) -> Iterator[list[str]]:
    """Give what the runbooks say to look at by kubectl, about the migration of a tenant."""
    metadata = tenant.cluster.get("-n", tenant.name, "dbmigration/web")["metadata"]
    blanks = {
        "OPERATOR_NAMESPACE": SYSTEM_NAMESPACE,
        "NAMESPACE": tenant.name,
        "=NAME": "=web",
        " NAME": " web",
        "UID": metadata["uid"],
    }
    for book in sorted((ROOT / "docs" / "runbooks").iterdir()):
        for line in "\n".join(book.read_text().split("```")[1::2]).splitlines():
            command = line
            for blank, filled in blanks.items():
                command = command.replace(blank, filled)
            if command.startswith("kubectl "):
                yield shlex.split(command)[1:]


def has_data(watched: Monitoring, query: str) -> bool:
    """Evaluate a panel's query as Grafana would, with its variables filled in."""
    for variable, value in (
        ("$__range", "5m"),
        ("$__rate_interval", "1m"),
        ("$namespace", ".*"),
    ):
        query = query.replace(variable, value)
    found = watched.query(query)
    return bool(found) and not all(math.isnan(float(series["value"][1])) for series in found)
