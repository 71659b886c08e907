"""The run spec is a contract between releases."""

from uuid import UUID

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import (
    TLS,
    Access,
    Folders,
    LockPolicy,
    Policy,
    Provenance,
    RunIdentity,
    RunSpec,
    decode_spec,
    encode_spec,
)

RUN = UUID("6f2a0b0e-0d6c-5b7e-9a35-1f0f5c6d7e8f")
MINIMAL = (
    b'{"apiVersion":1,"run":{"id":"6f2a0b0e-0d6c-5b7e-9a35-1f0f5c6d7e8f"},'
    b'"folders":{"migrations":["/migrations/0"]}}'
)


def test_a_spec_survives_its_json() -> None:
    """What the operator writes is what the runner reads."""
    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=RUN, number=3, attempt=2, intent="undo"),
        folders=Folders(migrations=("/m",), rollbacks=("/r",), checks=("/c",)),
        target="0042",
        database=Access(
            role="owner",
            search_path=("app", "public"),
            tls=TLS(mode="verify-ca", root_certificate="/run/tls/ca.crt"),
        ),
        policy=Policy(on_failure="Halt", lock=LockPolicy(acquire_timeout_seconds=1.5)),
        provenance=Provenance(commit="6f2a", run_url="https://ci.example/1"),
        resource="meshhook/web",
    )
    assert decode_spec(encode_spec(spec)) == spec


def test_defaults_are_left_out_and_come_back() -> None:
    """A short spec is a whole spec."""
    spec = decode_spec(MINIMAL)
    assert (spec.target, spec.ledger.schema, spec.policy.on_failure) == (
        "latest",
        "meshmigrate",
        "Rollback",
    )
    assert encode_spec(spec) == MINIMAL


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"\xff",
        MINIMAL.replace(b"migrations/0", b"\xff"),
        MINIMAL.replace(b'"apiVersion":1', b'"apiVersion":2'),
        MINIMAL.replace(b'"apiVersion":1,', b""),
        MINIMAL.replace(b"{", b'{"later":true,', 1),
        MINIMAL.replace(b"6f2a0b0e", b"x"),
        MINIMAL.replace(b'["/migrations/0"]', b'"/migrations/0"'),
    ],
)
def test_a_spec_of_another_release_is_refused(data: bytes) -> None:
    """A field or a version that this runner does not know is never guessed at."""
    with pytest.raises(Refusal) as caught:
        decode_spec(data)
    assert caught.value.reason is Reason.INVALID_SPEC
    assert "same release" in caught.value.hint
