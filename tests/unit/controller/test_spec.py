"""The spec and its hash."""

from typing import Any

import pytest
from msgspec import ValidationError, json
from msgspec.structs import fields

from meshmigrate.controller.spec import parse_spec, spec_hash
from meshmigrate.domain.runspec import Policy
from tests.unit.controller.scripted_cluster import SPEC

MINIMAL: dict[str, Any] = {"database": SPEC["database"], "source": SPEC["source"]}


ACCEPTED = {"version": "5", "checksum": "sha256:1", "reason": "a comment"}


def digest(spec: dict[str, Any]) -> str:
    """Give the hash of a spec."""
    return spec_hash(parse_spec(spec))


def test_defaults_written_out_hash_like_defaults_left_out() -> None:
    """The same request has the same hash."""
    assert digest(SPEC) == digest(MINIMAL)


def test_the_order_of_config_maps_does_not_matter() -> None:
    """They merge: the set counts."""
    maps = [{"name": "a"}, {"name": "b", "content": "checks"}]
    one = digest({**MINIMAL, "source": {"configMaps": maps}})
    assert one == digest({**MINIMAL, "source": {"configMaps": maps[::-1]}})


@pytest.mark.parametrize(
    "change",
    [
        {"database": {"url": {"secretKeyRef": {"name": "db", "key": "OTHER"}}}},
        {"database": {**SPEC["database"], "role": "owner"}},
        {"database": {**SPEC["database"], "searchPath": ["app"]}},
        {"source": {"configMaps": [{"name": "web-2"}]}},
        {"database": {**SPEC["database"], "tls": {"mode": "require"}}},
        {"source": {"image": {"reference": "a@sha256:1"}}},
        {"target": 7},
        {"allowRollback": True},
        {"policy": {"outOfOrder": "Apply"}},
        {"ledger": {"schema": "history"}},
        {"policy": {"onFailure": "Halt"}},
        {"policy": {"drift": "Refuse"}},
        {"policy": {"hazards": {"enforce": []}}},
        {"policy": {"hazards": {"allow": ["DeletesData"]}}},
        {"policy": {"fingerprint": {"ignore": ["public.events_y*"]}}},
        {"policy": {"transactionMode": "Batch"}},
        {"policy": {"lock": {"acquireTimeoutSeconds": 7}}},
        {"policy": {"retry": {"deadlineSeconds": 7}}},
        {"policy": {"approval": "Required"}},
        {"approvedPlan": "sha256:1"},
        {"mode": "Plan"},
        {"ledger": {"baseline": 5}},
        {"ledger": {"adopt": "Supabase"}},
        {"ledger": {"accept": [ACCEPTED]}},
    ],
)
def test_what_the_run_depends_on_is_in_the_hash(change: dict[str, Any]) -> None:
    """Database, source, target, ledger and policy."""
    assert digest({**MINIMAL, **change}) != digest(MINIMAL)


def test_what_the_history_takes_over_is_one_however_it_is_written() -> None:
    """A version as a number or as its digits, acceptances in any order."""
    maps = [{**ACCEPTED, "version": version} for version in ("5", "6")]
    one = {"ledger": {"baseline": 5, "accept": maps}}
    other = {"ledger": {"baseline": "5", "accept": maps[::-1]}}
    assert digest({**MINIMAL, **one}) == digest({**MINIMAL, **other})
    told = parse_spec({**MINIMAL, **one}).ledger.of_the_run
    assert (told.baseline, [each.version for each in told.accept]) == ("5", ["5", "6"])


EVERY_POLICY = {
    "onFailure": "Halt",
    "drift": "Refuse",
    "fingerprint": {"ignore": ["public.y*"], "schemas": ["app"]},
    "transactionMode": "PerFile",
    "outOfOrder": "Apply",
    "hazards": {"enforce": [], "allow": ["DeletesData"]},
    "lock": {"acquireTimeoutSeconds": 1, "tableLockDeadlineSeconds": 2},
    "statementTimeoutSeconds": 3,
    "deadlineSeconds": 4,
    "rollbackDeadlineSeconds": 5,
    "approval": "Required",
}


def test_the_runner_obeys_every_policy_of_the_resource() -> None:
    """Word for word, each with a value of its own: none is lost, none takes another's place."""
    given = parse_spec({**MINIMAL, "policy": EVERY_POLICY}).policy.of_the_run
    assert set(EVERY_POLICY) == {each.encode_name for each in fields(Policy)}
    assert json.decode(json.encode(given)) == EVERY_POLICY
    defaults = parse_spec(MINIMAL).policy.of_the_run
    assert defaults == Policy()
    assert not [each.name for each in fields(Policy) if getattr(given, each.name) == each.default]


def test_provenance_is_not_in_the_hash() -> None:
    """Another commit with the same files is no reason to run."""
    assert digest({**MINIMAL, "provenance": {"commit": "abc"}}) == digest(MINIMAL)


def test_the_jobs_settings_are_not_in_the_hash() -> None:
    """More memory for the next attempt is no reason to run."""
    job = {"resources": {"limits": {"memory": "1Gi"}}, "labels": {"a": "b"}}
    assert digest({**MINIMAL, "job": job}) == digest(MINIMAL)


def test_how_an_image_is_pulled_is_not_in_the_hash() -> None:
    """Its digest says what it is."""
    image = {"reference": "a@sha256:1"}
    one = digest({**MINIMAL, "source": {"image": image}})
    assert one == digest({**MINIMAL, "source": {"image": {**image, "pullPolicy": "Always"}}})


def test_an_unknown_field_is_an_error() -> None:
    """What the operator does not know it must not pass over."""
    with pytest.raises(ValidationError, match="speed"):
        parse_spec({**MINIMAL, "speed": "Fast"})
