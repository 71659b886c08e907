"""What a write does, and which writes are refused: the same by both API servers."""

import pytest

from meshmigrate.controller.event_manifest import counted_again
from tests.conformance.client import Client
from tests.conformance.objects import collection, create, event, job, lease, resource
from tests.scripted.kinds import EVENTS, JOBS, LEASES, RESOURCES, Json, Kind

GONE = "00000000-0000-4000-8000-000000000000"
FINALIZER = "migrations.meshhook.dev/run-in-flight"


def refused(answer: tuple[int, Json]) -> tuple[int, str]:
    """Give code and reason of a refusal."""
    status, body = answer
    assert body["kind"] == "Status", body
    assert body["status"] == "Failure"
    assert body["code"] == status
    return status, body["reason"]


def test_a_new_object_gets_what_is_the_servers(api: Client) -> None:
    """Uid, version, time and generation, and the default status instead of one it brings."""
    _, made = create(api, RESOURCES, {**resource(), "status": {"phase": "Succeeded"}})
    meta = made["metadata"]
    assert meta["namespace"] == api.namespace
    assert meta["uid"]
    assert int(meta["resourceVersion"]) > 0
    assert meta["creationTimestamp"].endswith("Z")
    assert meta["generation"] == 1
    assert made["status"]["phase"] == "Pending"
    states = {c["type"]: c["status"] for c in made["status"]["conditions"]}
    assert states["Ready"] == "Unknown"
    assert states["Reconciling"] == "True"


@pytest.mark.parametrize("kind", [RESOURCES, JOBS, LEASES, EVENTS], ids=lambda kind: kind.plural)
def test_a_name_is_given_once(api: Client, kind: Kind) -> None:
    """Creating is the compare-and-swap of what does not exist."""
    bodies = {
        RESOURCES: resource(),
        JOBS: job(),
        LEASES: lease("a"),
        EVENTS: event(api, "told", GONE),
    }
    create(api, kind, bodies[kind])
    answer = api.send("POST", collection(api, kind), bodies[kind])
    assert refused(answer) == (409, "AlreadyExists")


@pytest.mark.parametrize("kind", [RESOURCES, JOBS, LEASES], ids=lambda kind: kind.plural)
def test_what_is_not_there_is_not_found(api: Client, kind: Kind) -> None:
    """Whatever is asked of it."""
    path = f"{collection(api, kind)}/nothing"
    assert refused(api.send("GET", path)) == (404, "NotFound")
    assert refused(api.send("DELETE", path, {})) == (404, "NotFound")
    patch: Json = {"metadata": {"labels": {"a": "b"}}}
    assert refused(api.send("PATCH", path, patch)) == (404, "NotFound")


def test_the_status_is_written_apart(api: Client) -> None:
    """Nothing else changes with it: neither what the body says of the spec, nor the generation."""
    path, made = create(api, RESOURCES, resource())
    body = {**made, "status": {"phase": "Running", "runNumber": 1}}
    body["spec"] = {**made["spec"], "target": 5}
    status, after = api.send("PUT", f"{path}/status", body)
    assert status == 200
    assert after["status"] == {"phase": "Running", "runNumber": 1}
    assert after["spec"] == made["spec"]
    assert after["metadata"]["generation"] == 1
    assert int(after["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def test_a_status_needs_neither_spec_nor_labels(api: Client) -> None:
    """The operator sends its identity and the status; the rest stays as it is."""
    path, made = create(api, RESOURCES, resource(labels={"team": "data"}))
    keys = ("name", "namespace", "uid", "resourceVersion")
    body = {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "metadata": {key: made["metadata"][key] for key in keys},
        "status": {"phase": "Running"},
    }
    status, after = api.send("PUT", f"{path}/status", body)
    assert status == 200
    assert after["spec"] == made["spec"]
    assert after["metadata"]["labels"] == {"team": "data"}


def test_an_old_version_is_a_conflict(api: Client) -> None:
    """Whoever read it before the last write must read it again."""
    path, made = create(api, RESOURCES, resource())
    fresh = {**made, "status": {"phase": "Running"}}
    assert api.send("PUT", f"{path}/status", fresh)[0] == 200
    again = {**made, "status": {"phase": "Failed"}}
    assert refused(api.send("PUT", f"{path}/status", again)) == (409, "Conflict")
    version = made["metadata"]["resourceVersion"]
    patch: Json = {"metadata": {"resourceVersion": version, "finalizers": [FINALIZER]}}
    assert refused(api.send("PATCH", path, patch)) == (409, "Conflict")


@pytest.mark.parametrize("kind", [RESOURCES, LEASES], ids=lambda kind: kind.plural)
def test_an_update_must_say_which_version_it_knows(api: Client, kind: Kind) -> None:
    """Without one it is refused, and not taken for the last word."""
    path, made = create(api, kind, resource() if kind is RESOURCES else lease("a"))
    del made["metadata"]["resourceVersion"]
    assert refused(api.send("PUT", path, made)) == (422, "Invalid")


def test_a_namesake_is_spared(api: Client) -> None:
    """The uid is a precondition of a replacement; in a patch it is a field that cannot change."""
    path, made = create(api, RESOURCES, resource())
    other = {**made, "metadata": {**made["metadata"], "uid": GONE}, "status": {"phase": "Failed"}}
    assert refused(api.send("PUT", f"{path}/status", other)) == (409, "Conflict")
    job_path, _ = create(api, JOBS, job())
    patch: Json = {"metadata": {"uid": GONE}, "spec": {"ttlSecondsAfterFinished": 5}}
    assert refused(api.send("PATCH", job_path, patch)) == (422, "Invalid")
    patch["metadata"]["resourceVersion"] = "1"
    assert refused(api.send("PATCH", job_path, patch)) == (409, "Conflict")


def test_a_change_of_the_spec_is_a_generation(api: Client) -> None:
    """The status in such a patch is passed over; labels and annotations are no generation."""
    path, _ = create(api, RESOURCES, resource())
    patch: Json = {"spec": {"target": 5}, "status": {"phase": "Failed"}}
    _, edited = api.send("PATCH", path, patch)
    assert edited["metadata"]["generation"] == 2
    assert edited["spec"]["target"] == 5
    assert edited["status"]["phase"] == "Pending"
    _, labelled = api.send("PATCH", path, {"metadata": {"annotations": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 2


def test_a_write_that_changes_nothing_is_none(api: Client) -> None:
    """The version stays: nobody who watches is woken."""
    path, _ = create(api, RESOURCES, resource())
    _, made = api.send("PATCH", path, {"spec": {"target": 5}})
    _, after = api.send("PATCH", path, {"spec": {"target": 5}})
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    _, after = api.send("PUT", f"{path}/status", made)
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_merge_patch_removes_by_null_and_replaces_lists(api: Client) -> None:
    """RFC 7386."""
    path, _ = create(api, RESOURCES, resource(labels={"a": "1", "b": "2"}, finalizers=["x.y/a"]))
    patch: Json = {"metadata": {"labels": {"a": None, "c": "3"}, "finalizers": ["x.y/b"]}}
    _, after = api.send("PATCH", path, patch)
    assert after["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert after["metadata"]["finalizers"] == ["x.y/b"]


def test_a_finalizer_holds_a_deletion(api: Client) -> None:
    """It is marked and stays, takes no further finalizer, and goes with the last one."""
    path, made = create(api, RESOURCES, resource(finalizers=[FINALIZER]))
    assert "deletionTimestamp" not in made["metadata"]
    assert api.send("DELETE", path, {})[0] == 200
    _, marked = api.send("GET", path)
    assert "deletionTimestamp" in marked["metadata"]
    assert marked["metadata"]["generation"] == 2
    more: Json = {"metadata": {"finalizers": [FINALIZER, "x.y/another"]}}
    assert refused(api.send("PATCH", path, more)) == (422, "Invalid")
    status, last = api.send("PATCH", path, {"metadata": {"finalizers": []}})
    assert status == 200
    assert "deletionTimestamp" in last["metadata"]
    assert not last["metadata"].get("finalizers")
    assert refused(api.send("GET", path)) == (404, "NotFound")


def test_a_job_is_deleted_by_its_uid(api: Client) -> None:
    """Another one's uid is a conflict; in the background it is gone at once."""
    path, made = create(api, JOBS, job())
    options: Json = {"propagationPolicy": "Background", "preconditions": {"uid": GONE}}
    assert refused(api.send("DELETE", path, options)) == (409, "Conflict")
    options["preconditions"]["uid"] = made["metadata"]["uid"]
    assert api.send("DELETE", path, options)[0] == 200
    assert refused(api.send("GET", path)) == (404, "NotFound")


def test_a_job_takes_an_owner_and_an_expiry(api: Client) -> None:
    """In one patch, after it was created without; its status is apart."""
    _, owner = create(api, RESOURCES, resource())
    path, made = create(api, JOBS, job())
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    patch: Json = {
        "metadata": {"uid": made["metadata"]["uid"], "ownerReferences": [reference]},
        "spec": {"ttlSecondsAfterFinished": 3600},
        "status": {"failed": 1},
    }
    status, after = api.send("PATCH", path, patch)
    assert status == 200
    assert after["metadata"]["ownerReferences"] == [reference]
    assert after["spec"]["ttlSecondsAfterFinished"] == 3600
    assert "failed" not in after.get("status", {})


def test_an_event_is_counted_by_one_of_two(api: Client) -> None:
    """Who read it before the other had counted may not count it again."""
    path, known = create(api, EVENTS, event(api, "told", GONE))
    patch = counted_again(known, event(api, "told", GONE, attempt=2))
    assert patch is not None
    status, after = api.send("PATCH", path, patch)
    assert status == 200
    assert after["count"] == 2
    assert counted_again(after, event(api, "told", GONE, attempt=2)) is None
    assert refused(api.send("PATCH", path, patch)) == (409, "Conflict")


def test_a_lease_changes_hands_by_compare_and_swap(api: Client) -> None:
    """Of two who saw it free, one gets it."""
    path, made = create(api, LEASES, lease("a"))
    version = made["metadata"]["resourceVersion"]
    status, taken = api.send("PUT", path, lease("b", version))
    assert status == 200
    assert taken["spec"]["holderIdentity"] == "b"
    assert refused(api.send("PUT", path, lease("c", version))) == (409, "Conflict")
