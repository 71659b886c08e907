"""Kopf as the informer shell: every event ends in the cache and the queue."""

import asyncio
from typing import Any

import kopf

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import Json, Key
from meshmigrate.controller.shell import make_registry, make_settings
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import Operator
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)


class Shell:
    """The handlers by kind, as Kopf would call them."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.added: list[Key] = []
        registry = make_registry(self.cache, self.added.append)
        self.handlers: dict[str, Any] = {
            handler.id.rsplit(".", 1)[-1]: handler.fn
            for handler in registry._watching.get_all_handlers()  # noqa: SLF001  no public reader
        }

    def see(self, handler: str, kind: str | None, body: Json) -> None:
        """Let a handler see an event."""
        asyncio.run(self.handlers[handler](event={"type": kind, "object": body}))


def test_a_resource_is_cached_and_queued() -> None:
    """Listed, added or changed: it is there; deleted: it is gone, and looked at once more."""
    shell = Shell()
    shell.see("see_resource", None, resource_body())
    assert shell.cache.resource(KEY) is not None
    shell.see("see_resource", "DELETED", resource_body())
    assert shell.cache.resource(KEY) is None
    assert shell.added == [KEY, KEY]


def test_who_is_queued_behind_a_resource_is_looked_at_with_it() -> None:
    """Whatever changes about the one that works, those that wait may go on now."""
    cluster = ScriptedCluster(Clock())
    operator = Operator(cluster)
    for key, body in ((KEY, resource_body()), (OTHER_KEY, other_body())):
        cluster.apply(body)
        asyncio.run(operator.look(key))
    shell = Shell()
    shell.see("see_resource", None, cluster.body(OTHER_KEY))
    shell.see("see_resource", "DELETED", cluster.body(KEY))
    assert shell.added == [OTHER_KEY, KEY, OTHER_KEY]


def test_jobs_and_pods_lead_to_their_resource(started: Story) -> None:
    """The annotation names the resource, whatever its name's length."""
    shell = Shell()
    shell.see("see_resource", None, started.cluster.body())
    shell.see("see_job", "ADDED", started.cluster.jobs[started.job])
    shell.see("see_pod", "ADDED", started.cluster.start_pod(started.job))
    resource = shell.cache.resource(KEY)
    assert resource is not None
    assert len(shell.cache.jobs(resource)) == len(shell.cache.pods(resource)) == 1
    assert shell.added == [KEY] * 3
    shell.see("see_job", "DELETED", started.cluster.jobs[started.job])
    shell.see("see_pod", "DELETED", started.cluster.start_pod(started.job))
    assert shell.cache.jobs(resource) == ()
    assert shell.cache.pods(resource) == ()


def test_kopf_posts_nothing_and_reads_only_what_is_ours() -> None:
    """No events of Kopf's own; Jobs and pods are selected by the API server."""
    settings = make_settings()
    assert settings.posting.enabled is False
    assert settings.scanning.disabled is True
    selectors = set(settings.watching.label_selectors.values())
    assert selectors == {"migrations.meshhook.dev/resource-uid"}
    assert isinstance(settings, kopf.OperatorSettings)
