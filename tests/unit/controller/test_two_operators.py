"""Two operators that are both active, as for a moment at a takeover, do each other no harm."""

import pytest

from tests.scripted.faults import CRASH_AFTER, Fault
from tests.unit.controller.driving import TwoOperators
from tests.unit.controller.scenarios import SCENARIOS, make_cluster, play_scenario
from tests.unit.controller.scripted_cluster import ScriptedCluster

VIEWS = pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])


def run(name: str, faults: dict[int, Fault] | None = None, *, at_once: bool) -> ScriptedCluster:
    """Play a scenario to its end, and hold it to that."""
    cluster, channels = make_cluster(name, faults), SCENARIOS[name].channels
    two = TwoOperators(cluster, channels=channels, at_once=at_once)
    play_scenario(name, two, two.both)
    return two.cluster


@VIEWS
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_ends_as_with_one(scenario: str, at_once: bool) -> None:
    """The same end, one Job for each attempt, and never two containers at work."""
    run(scenario, at_once=at_once)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whenever_one_of_them_dies_the_end_is_the_same(scenario: str) -> None:
    """After any call: the other one goes on with what it had seen before."""
    undisturbed = run(scenario, at_once=True)
    for number in range(len(undisturbed.calls)):
        run(scenario, {number: CRASH_AFTER}, at_once=True)
