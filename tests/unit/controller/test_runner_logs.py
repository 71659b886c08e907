"""Following the logs of running pods: bounded, paced, and never in anybody's way."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import ObservedPod, observe_pod
from meshmigrate.controller.runner_logs import RunnerLogs
from meshmigrate.domain.runner_log import LogLine, encode_line
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import KEY, ScriptedCluster


def line(message: str) -> bytes:
    """Give a line of a runner's log."""
    said = LogLine(api_version=1, time="", level="info", event="x", message=message)
    return encode_line(said)


def reads(cluster: ScriptedCluster) -> int:
    """Count how often a log was read."""
    return cluster.calls.count("get log")


@pytest.fixture
def running(started: Story) -> Story:
    """Give a story whose pod runs and has written a line."""
    started.cluster.start_pod(started.job)
    started.cluster.logs[f"{started.job}-x"] = line("one")
    asyncio.run(started.operator.read_logs())
    return started


def let_pass(story: Story, seconds: float) -> None:
    """Let time pass, and the logs be read that are due then."""
    story.cluster.clock.pass_time(timedelta(seconds=seconds))
    asyncio.run(story.operator.read_logs())


def test_a_run_that_ends_at_once_costs_no_look(running: Story) -> None:
    """The first one comes after two seconds, the next ones every five."""
    let_pass(running, 1.9)
    assert reads(running.cluster) == 0
    let_pass(running, 0.1)
    assert reads(running.cluster) == 1
    let_pass(running, 4.9)
    assert reads(running.cluster) == 1
    let_pass(running, 0.1)
    assert reads(running.cluster) == 2


def test_only_news_ask_for_work(running: Story) -> None:
    """A quiet runner costs reads and nothing else."""
    for _ in range(3):
        let_pass(running, 5)
    assert running.operator.asked == [KEY]
    running.cluster.logs[f"{running.job}-x"] += line("two")
    let_pass(running, 5)
    assert running.operator.asked == [KEY, KEY]
    found = running.operator.cache.log_line(KEY)
    assert found is not None
    assert found.message == "two"


def test_a_last_line_that_is_cut_off_gives_way_to_the_one_before(running: Story) -> None:
    """A read may end anywhere, and a library may have written something else."""
    running.cluster.logs[f"{running.job}-x"] += b"Traceback\n" + line("two")[:30]
    let_pass(running, 5)
    found = running.operator.cache.log_line(KEY)
    assert found is not None
    assert found.message == "one"


def test_a_log_that_cannot_be_read_is_told_once_and_tried_more_rarely(running: Story) -> None:
    """The run is not touched by that."""
    del running.cluster.logs[f"{running.job}-x"]
    with capture_logs() as told:
        for _ in range(24):
            let_pass(running, 5)
    assert [said["event"] for said in told] == ["log-not-read"]
    assert "pods/log is forbidden" in told[0]["error"]
    assert reads(running.cluster) == 4
    running.cluster.logs[f"{running.job}-x"] = line("late")
    let_pass(running, 30)
    assert running.operator.asked == [KEY]


def test_a_pod_that_has_ended_is_not_read_any_more(running: Story) -> None:
    """Its result says everything."""
    running.cluster.end_pod(running.job, exit_code=0)
    let_pass(running, 60)
    assert reads(running.cluster) == 0


def test_a_pod_that_is_seen_again_is_not_read_more_often(running: Story) -> None:
    """A distrusted cache is filled anew in the middle."""
    let_pass(running, 2)
    running.operator.cache.distrust(KEY)
    running.look()
    let_pass(running, 1)
    assert reads(running.cluster) == 1


def many_pods(story: Story, count: int) -> list[ObservedPod]:
    """Give so many running pods."""
    bodies = [story.cluster.start_pod(story.job, pod=f"p-{number}") for number in range(count)]
    return [observe_pod(body) for body in bodies]


def test_so_many_pods_that_not_all_can_be_read_in_time_take_turns(started: Story) -> None:
    """Five looks a quarter of a second, and none is forgotten."""
    clock, cache = started.cluster.clock, Cache()
    pods = many_pods(started, 60)
    cache.replace_pods(KEY, pods)
    logs = RunnerLogs(started.cluster, cache, lambda _: None, clock=clock.seconds)
    logs.due()
    clock.pass_time(timedelta(seconds=10))
    seen = set()
    for _ in range(12):
        chosen = logs.due()
        assert len(chosen) <= 5
        for pod in chosen:
            asyncio.run(logs.read(pod))
        seen |= {pod.name for pod in chosen}
    assert len(seen) == 60


def test_readers_that_hang_leave_the_client_its_connections(started: Story) -> None:
    """A node that does not answer has at most sixteen of them."""
    clock, cache = started.cluster.clock, Cache()
    cache.replace_pods(KEY, many_pods(started, 60))
    logs = RunnerLogs(started.cluster, cache, lambda _: None, clock=clock.seconds)
    logs.due()
    clock.pass_time(timedelta(seconds=10))
    hanging = [pod for _ in range(20) for pod in logs.due()]
    assert len(hanging) == len({pod.uid for pod in hanging}) == 16
