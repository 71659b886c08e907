"""The first thing that somebody runs: it holds each of its promises, or says which it does not."""

import sys
from collections.abc import Iterator

import pytest

from hack.demo.evidence import NAMESPACE
from tests.cluster.kubernetes import Cluster
from tests.cluster.release import install


@pytest.fixture
def lent(operator: Cluster) -> Iterator[Cluster]:
    """Give the cluster to somebody who installs the chart anew, and take it back afterwards."""
    yield operator
    operator.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    install(operator)


def test_the_demo_ends_with_all_as_promised(lent: Cluster) -> None:
    """One migration succeeds, one is rolled back and proven, and somebody is paged for it."""
    done = lent.attempt(sys.executable, "-m", "hack.demo")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "one page, with the resource, the reason and the runbook" in done.stdout
    assert "All as promised" in done.stdout
