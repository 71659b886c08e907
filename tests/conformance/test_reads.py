"""Lists and watches: the same by both API servers."""

from tests.conformance.client import Client
from tests.conformance.objects import collection, create, event, job, resource
from tests.scripted.kinds import EVENTS, JOBS, RESOURCES, Json


def names(listed: Json) -> list[str]:
    """Give the names in a list."""
    return [item["metadata"]["name"] for item in listed["items"]]


def test_a_list_is_of_its_namespace(api: Client) -> None:
    """In the order of names, and as of a version from which one can watch."""
    for name in ("b", "a"):
        create(api, RESOURCES, resource(name))
    status, listed = api.send("GET", collection(api, RESOURCES))
    assert status == 200
    assert names(listed) == ["a", "b"]
    assert int(listed["metadata"]["resourceVersion"]) > 0


def test_labels_select(api: Client) -> None:
    """By value, by another value, and by being there at all."""
    for name, labels in (("a", {"uid": "1"}), ("b", {"uid": "2"}), ("c", {})):
        create(api, JOBS, job(name, labels=labels))

    def selected(selector: str) -> list[str]:
        _, listed = api.send("GET", collection(api, JOBS), query={"labelSelector": selector})
        return names(listed)

    assert selected("uid=1") == ["a"]
    assert selected("uid") == ["a", "b"]
    assert selected("!uid") == ["c"]
    assert selected("uid!=1") == ["b", "c"]


def test_events_are_found_by_what_they_are_about(api: Client) -> None:
    """The uid of an object selects its events."""
    create(api, EVENTS, event(api, "one", "11111111-0000-4000-8000-000000000000"))
    create(api, EVENTS, event(api, "two", "22222222-0000-4000-8000-000000000000"))
    selector = {"fieldSelector": "involvedObject.uid=22222222-0000-4000-8000-000000000000"}
    _, listed = api.send("GET", collection(api, EVENTS), query=selector)
    assert names(listed) == ["two"]


def test_a_list_comes_in_pieces(api: Client) -> None:
    """A piece says how much is left and how to go on; the last one neither."""
    for name in ("a", "b", "c"):
        create(api, RESOURCES, resource(name))
    path = collection(api, RESOURCES)
    _, first = api.send("GET", path, query={"limit": "2"})
    assert names(first) == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    more = {"limit": "2", "continue": first["metadata"]["continue"]}
    _, last = api.send("GET", path, query=more)
    assert names(last) == ["c"]
    assert not last["metadata"].get("continue")
    assert not last["metadata"].get("remainingItemCount")


def test_a_watch_tells_what_happens(api: Client) -> None:
    """From a version on, each change in its order; a deletion has a version of its own."""
    path = collection(api, RESOURCES)
    _, listed = api.send("GET", path)
    version = listed["metadata"]["resourceVersion"]
    one, made = create(api, RESOURCES, resource())
    _, edited = api.send("PATCH", one, {"spec": {"target": 5}})
    api.send("DELETE", one, {})
    seen = api.watch(path, 3, version=version)
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    expected = [int(body["metadata"]["resourceVersion"]) for body in (made, edited)]
    assert versions[:2] == expected
    assert versions[2] > versions[1]
    assert seen[2]["object"]["spec"]["target"] == 5


def test_a_watch_selects(api: Client) -> None:
    """What begins to match is added, what no longer matches is deleted."""
    path = collection(api, JOBS)
    _, listed = api.send("GET", path)
    version = listed["metadata"]["resourceVersion"]
    one, _ = create(api, JOBS, job())
    api.send("PATCH", one, {"metadata": {"labels": {"ours": "yes"}}})
    api.send("PATCH", one, {"metadata": {"annotations": {"a": "b"}}})
    api.send("PATCH", one, {"metadata": {"labels": {"ours": None}}})
    seen = api.watch(path, 3, version=version, selector="ours")
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_version_that_is_too_old_is_gone(api: Client) -> None:
    """410: who is so far behind must list again."""
    create(api, RESOURCES, resource())
    (first,) = api.watch(collection(api, RESOURCES), 1, version="1")
    assert first["type"] == "ERROR"
    assert first["object"]["code"] == 410
    assert first["object"]["reason"] in {"Expired", "Gone"}
