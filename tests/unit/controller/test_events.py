"""Events: on transitions, once each."""

from meshmigrate.controller.events import Event, event_manifest
from meshmigrate.controller.observed import observe_resource
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import START, resource_body


def told(story: Story) -> list[tuple[str, str]]:
    """Give what was told, in order."""
    return [(event["type"], str(event["reason"])) for event in story.cluster.told.values()]


def test_a_success_tells_start_and_end(started: Story) -> None:
    """Two events, both Normal."""
    started.cluster.start_pod(started.job)
    started.look()
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert told(started) == [("Normal", "RunStarted"), ("Normal", "Succeeded")]


def test_a_failure_is_a_warning_with_its_outcome(started: Story) -> None:
    """The reason is the outcome, the message is that of the condition."""
    ends_with(Outcome.HALTED, "NoRollbackScript")(started.cluster, started.job)
    started.look()
    assert told(started)[-1] == ("Warning", "Halted")
    assert list(started.cluster.told.values())[-1]["message"] == started.ready()["message"]


def test_an_event_told_twice_has_one_name() -> None:
    """What happened gives the name, not when it was told or by which process."""
    resource = observe_resource(resource_body())
    event = Event("Normal", "Succeeded", "done", "1/end")
    names = {event_manifest(event, resource, START)["metadata"]["name"] for _ in range(2)}
    assert len(names) == 1


def test_a_long_message_is_cut() -> None:
    """The API refuses events with more than 1024 characters."""
    event = Event("Warning", "Failed", "x" * 5000, "1/end")
    manifest = event_manifest(event, observe_resource(resource_body()), START)
    assert len(manifest["message"]) == 1024
