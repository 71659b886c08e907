"""A result always fits a termination message, and keeps what matters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    MAX_RESULT_BYTES,
    DatabaseIdentity,
    FailureDetail,
    Fingerprints,
    PlannedVersion,
    PlanSummary,
    Result,
    RollbackReady,
    Versions,
    decode_result,
    encode_result,
)

DIGEST = f"sha256:{'01234567' * 8}"
LONG = st.builds(
    lambda text, times: text * times,
    st.text(st.sampled_from(["a", "é", "🐘", '"', "\\", "\n", "\x01", " "])),
    st.integers(0, 2000),
)


def result(
    message: str = "",
    *,
    failure: FailureDetail | None = None,
    differences: tuple[str, ...] = (),
    way_back: str = "",
) -> Result:
    """Give a result with every fixed field filled."""
    return Result(
        api_version=1,
        run_id="6f2a0b0e-0d6c-5b7e-9a35-1f0f5c6d7e8f",
        attempt=3,
        outcome=Outcome.ROLLBACK_FAILED,
        reason="RollbackScriptFailed",
        message=message,
        started_at="2026-01-01T00:00:00.000000Z",
        finished_at="2026-01-01T00:00:01.000000Z",
        duration_seconds=1.000001,
        lock_wait_seconds=0.25,
        database=DatabaseIdentity(name="d" * 63, system_identifier="7" * 20),
        current_version="20260101000000",
        pending_count=12,
        applied=Versions(count=3, first="20260101000000", last="20260101000002"),
        rolled_back=Versions(count=2, first="20260101000002", last="20260101000001"),
        transaction_mode="PerFile",
        rollback_ready=RollbackReady(ready=False, reason="Irreversible", message=way_back),
        fingerprint=Fingerprints(before=DIGEST, after=DIGEST[::-1], expected=DIGEST),
        failure=failure,
        differences=differences,
    )


@settings(deadline=None)  # it counts bytes, however busy the machine is
@given(st.integers(0, 100), LONG, LONG, st.lists(LONG, max_size=20))
def test_a_plan_fits_with_its_digest(
    count: int, why: str, declares: str, hazards: list[str]
) -> None:
    """Versions are left out from the end; their number and the digest that is approved stay."""
    versions = tuple(
        PlannedVersion(
            version=str(20260101000000 + number),
            name="a_name_of_the_usual_length",
            strongest_lock="SHARE UPDATE EXCLUSIVE",
            steps=3,
            rollback="ScriptUnverified",
        )
        for number in range(count)
    )
    plan = PlanSummary(
        digest=DIGEST,
        count=count,
        target="20260101000100",
        versions=versions,
        declares=declares,
        transaction_mode="PerFile",
        transaction_mode_reason=why,
        strongest_lock="ACCESS EXCLUSIVE",
        hazards=tuple(hazards),
    )
    encoded = encode_result(replace(result(str(plan), way_back=why), plan=plan))
    assert len(encoded) <= MAX_RESULT_BYTES
    kept = decode_result(encoded).plan
    assert kept is not None
    assert (kept.digest, kept.count) == (DIGEST, count)
    assert kept.versions == versions[: len(kept.versions)]
    assert list(kept.hazards) == hazards[: len(kept.hazards)]


@given(LONG, LONG, LONG, LONG, st.lists(LONG, max_size=5))
def test_a_result_fits_and_keeps_what_matters(
    message: str, why: str, hint: str, way_back: str, differences: list[str]
) -> None:
    """Texts are cut to the byte; outcome, reason, place and the proof survive."""
    failure = FailureDetail(
        message=why,
        hint=hint,
        version="20260101000002",
        file="migrations/" + "ü" * 120,
        line=12,
        column=7,
        sqlstate="42703",
        statement="ALTER MATERIALIZED VIEW",
    )
    given_out = result(message, failure=failure, differences=tuple(differences), way_back=way_back)
    encoded = encode_result(given_out)
    assert len(encoded) <= MAX_RESULT_BYTES
    back = decode_result(encoded)
    assert (back.outcome, back.reason, back.run_id) == (
        given_out.outcome,
        given_out.reason,
        given_out.run_id,
    )
    assert back.fingerprint == given_out.fingerprint
    assert back.rollback_ready is not None
    assert back.rollback_ready.reason == "Irreversible"
    assert back.failure is not None
    place = (back.failure.file, back.failure.line, back.failure.column, back.failure.sqlstate)
    assert place == (failure.file, 12, 7, "42703")


@given(st.text(max_size=300))
def test_a_short_result_is_given_out_unchanged(message: str) -> None:
    """Nothing is cut that fits."""
    given_out = result(message, differences=("table public.t: gone",))
    assert decode_result(encode_result(given_out)) == given_out


def test_a_cut_is_shown() -> None:
    """An ellipsis says that there was more."""
    back = decode_result(encode_result(result("é" * 10_000)))
    assert back.message.endswith("é…")
    assert len(back.message) > 1000


def test_the_longest_text_is_cut_first() -> None:
    """A long message does not cost the hint."""
    failure = FailureDetail(message="x" * 10_000, hint="Do this. " * 20)
    back = decode_result(encode_result(result("short", failure=failure)))
    assert back.failure is not None
    assert back.failure.hint == failure.hint
    assert back.message == "short"


def test_thousands_of_differences_are_cut_to_the_first_ones() -> None:
    """A run that went very wrong still reports."""
    differences = tuple(f"table public.t{n}: gone" for n in range(5_000))
    encoded = encode_result(result("differs", differences=differences))
    back = decode_result(encoded)
    assert len(encoded) <= MAX_RESULT_BYTES
    assert back.differences == differences[: len(back.differences)]
    assert len(back.differences) > 10


def test_a_way_back_is_proven_where_the_schema_is_the_expected_one() -> None:
    """Not by being as before, which says nothing of a run that was asked to go back."""
    assert Fingerprints(before="b", after="a", expected="a").proven
    assert not Fingerprints(before="a", after="a", expected="b").proven


@pytest.mark.parametrize(
    "data", [b"", b"OOMKilled", b"{}", b'{"apiVersion":2}', b"\xff", b'{"runId":"\xff"}']
)
def test_a_foreign_termination_message_is_no_result(data: bytes) -> None:
    """What some other process left behind is not taken for a result."""
    with pytest.raises(ValueError, match=r"."):
        decode_result(data)
