"""Two operators that are both active, as for a moment at a takeover, do each other no harm."""

import pytest

from tests.scripted.faults import CRASH_AFTER, Fault
from tests.unit.controller.driving import TwoOperators, View
from tests.unit.controller.scenarios import SCENARIOS, make_cluster, play_scenario
from tests.unit.controller.scripted_cluster import ScriptedCluster

VIEWS: tuple[View, ...] = ("in turn", "at once", "late")


def run(name: str, faults: dict[int, Fault] | None = None, *, view: View) -> ScriptedCluster:
    """Play a scenario to its end, and hold it to that."""
    cluster, channels = make_cluster(name, faults), SCENARIOS[name].channels
    two = TwoOperators(cluster, channels=channels, view=view)
    play_scenario(name, two, two.both)
    return two.cluster


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_ends_as_with_one(scenario: str, view: View) -> None:
    """The same end, one Job for each attempt, and never two containers at work."""
    run(scenario, view=view)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whenever_one_of_them_dies_the_end_is_the_same(scenario: str) -> None:
    """After any call: the other one goes on with what it had seen before."""
    undisturbed = run(scenario, view="at once")
    for number in range(len(undisturbed.calls)):
        run(scenario, {number: CRASH_AFTER}, view="at once")
