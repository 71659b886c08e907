"""The spec and its hash."""

from typing import Any

import pytest
from msgspec import ValidationError

from meshmigrate.controller.spec import parse_spec, spec_hash
from meshmigrate.domain.runspec import FingerprintScope
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
        {"target": 7},
        {"allowRollback": True},
        {"policy": {"outOfOrder": "Apply"}},
        {"ledger": {"schema": "history"}},
        {"policy": {"onFailure": "Halt"}},
        {"policy": {"drift": "Refuse"}},
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


def test_the_run_gets_what_the_resource_says_about_drift_and_fingerprints() -> None:
    """The runner obeys the same words."""
    policy = {"drift": "Refuse", "fingerprint": {"ignore": ["public.y*"], "schemas": ["app"]}}
    given = parse_spec({**MINIMAL, "policy": policy}).policy.of_the_run
    assert given.drift == "Refuse"
    assert given.fingerprint == FingerprintScope(ignore=("public.y*",), schemas=("app",))


def test_late_files_are_refused_unless_the_resource_welcomes_them() -> None:
    """As on the command line."""
    assert parse_spec(MINIMAL).policy.of_the_run.out_of_order == "Refuse"
    welcome = parse_spec({**MINIMAL, "policy": {"outOfOrder": "Apply"}})
    assert welcome.policy.of_the_run.out_of_order == "Apply"


def test_provenance_is_not_in_the_hash() -> None:
    """Another commit with the same files is no reason to run."""
    assert digest({**MINIMAL, "provenance": {"commit": "abc"}}) == digest(MINIMAL)


def test_an_unknown_field_is_an_error() -> None:
    """What the operator does not know it must not pass over."""
    with pytest.raises(ValidationError, match="speed"):
        parse_spec({**MINIMAL, "speed": "Fast"})
