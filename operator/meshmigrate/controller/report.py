"""What a person reads about the end of a run."""

from collections.abc import Mapping
from typing import Final

from msgspec import json

from meshmigrate.controller.attempt import Ended
from meshmigrate.controller.conditions import MAX_MESSAGE_LENGTH, shortened
from meshmigrate.controller.observed import Key
from meshmigrate.controller.status import (
    PlanStatus,
    RunFailure,
    SchemaProof,
    VersionPlan,
    VersionRange,
)
from meshmigrate.domain.errors import Location
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail, Result, Versions

_DATABASE_STATE: Final[Mapping[Outcome, str]] = {
    Outcome.REFUSED: "Nothing was changed.",
    Outcome.FAILED: "Nothing had been applied: the database is as it was before.",
    Outcome.ROLLED_BACK: "The schema was taken back and is proven to be as it was before.",
    Outcome.HALTED: "The database is partly migrated.",
    Outcome.ROLLBACK_FAILED: "The database is not as it was before.",
    Outcome.CANCELLED: "The schema was taken back and is proven to be as it was before.",
}
_RUN_AGAIN: Final = (
    "The migration log in the database tells how far it came; the runner's log tells why. After "
    "that a new run continues safely: set the annotation migrations.meshhook.dev/run-requested-at."
)

_ANOTHER_RUN: Final = (
    "Another run starts with an edit of the spec, or with the annotation "
    "migrations.meshhook.dev/run-requested-at."
)


def describe_end(end: Ended) -> str:
    """Say how a run ended: what, where, how the database is, what to do next."""
    if not end.begun:
        return f"{_sentence(end.message)} Nothing was applied by it. {_ANOTHER_RUN}"
    if not end.database_known:
        return f"{_sentence(end.message)} {_RUN_AGAIN}"
    result = end.result
    if result is None:
        return f"{_sentence(end.message)} {_DATABASE_STATE.get(end.outcome, '')}".strip()
    if end.outcome.succeeded:
        return result.message or _describe_success(result)
    parts = [
        describe_failure(result.failure) if result.failure else _sentence(result.message),
        _describe_database(result),
        _remaining(result),
        _lost(result.failure),
        f"Different: {'; '.join(result.differences)}." if result.differences else "",
        result.failure.hint if result.failure else "",
    ]
    return " ".join(part for part in parts if part)


def describe_approval(end: Ended, key: Key) -> str:
    """Say which plan waits for an approval, and how it is given; the command is never cut."""
    plan = end.result.plan if end.result else None
    if plan is None:
        return describe_end(end)
    patch = json.encode({"spec": {"approvedPlan": plan.digest}}).decode()
    command = (
        f"To approve it: kubectl -n {key.namespace} patch dbmigration {key.name} "
        f"--type merge -p '{patch}'"
    )
    return f"{shortened(_sentence(end.message), MAX_MESSAGE_LENGTH - len(command) - 1)} {command}"


def describe_failure(failure: FailureDetail) -> str:
    """Give one sentence with the place, the SQLSTATE and the message."""
    place = f"{Location(failure.file, failure.line, failure.column)}: " if failure.file else ""
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    message = failure.message.rstrip(".")
    return f"{place}{message}{code}."


def failure_of(end: Ended) -> RunFailure | None:
    """Give the failure for the status."""
    if end.outcome.succeeded or end.outcome is Outcome.AWAITING_APPROVAL:
        return None
    failure = end.result.failure if end.result else None
    if failure is None:
        return RunFailure(message=end.message)
    return RunFailure(
        message=failure.message,
        hint=failure.hint,
        version=failure.version,
        file=failure.file,
        line=failure.line,
        column=failure.column,
        sqlstate=failure.sqlstate,
        statement=failure.statement,
        data_not_restored=failure.data_not_restored,
    )


def range_of(versions: Versions | None) -> VersionRange | None:
    """Give the versions for the status; None if there were none."""
    if versions is None or versions.count == 0:
        return None
    return VersionRange(count=versions.count, first=versions.first, last=versions.last)


def plan_of(result: Result | None, run_number: int) -> PlanStatus | None:
    """Give the plan for the status, of a run that went no further."""
    if result is None or result.plan is None:
        return None
    plan = result.plan
    return PlanStatus(
        digest=plan.digest,
        direction=plan.direction,
        count=plan.count,
        target=plan.target,
        versions=tuple(
            VersionPlan(
                version=each.version,
                name=each.name,
                strongest_lock=each.strongest_lock,
                steps=each.steps,
                rollback=each.rollback,
            )
            for each in plan.versions
        ),
        declares=plan.declares,
        transaction_mode=plan.transaction_mode,
        transaction_mode_reason=plan.transaction_mode_reason,
        strongest_lock=plan.strongest_lock,
        data_not_restored=plan.data_not_restored,
        rollback_ready=result.rollback_ready.reason if result.rollback_ready else "",
        run_number=run_number,
    )


def proof_of(result: Result | None) -> SchemaProof | None:
    """Give the digests of the schema for the status."""
    if result is None or result.fingerprint is None:
        return None
    found = result.fingerprint
    return SchemaProof(before=found.before, after=found.after, expected=found.expected)


def _describe_success(result: Result) -> str:
    if result.outcome is Outcome.UP_TO_DATE:
        return f"nothing to do: version {result.current_version} is current"
    noun = "migration" if result.applied.count == 1 else "migrations"
    return f"{result.applied.count} {noun} applied, version {result.current_version} is current"


def _describe_database(result: Result) -> str:
    if result.reason == Reason.CONCURRENT_CHANGE:
        return "What this run did is taken back; what differs none of its scripts touches."
    return _DATABASE_STATE.get(result.outcome, "")


def _remaining(result: Result) -> str:
    if result.outcome is not Outcome.HALTED or result.applied.count == 0:
        return ""
    return f"Applied and kept: {result.applied.first} to {result.applied.last}."


def _lost(failure: FailureDetail | None) -> str:
    lost = failure.data_not_restored if failure else ()
    return f"Data that is not restored: {'; '.join(lost)}." if lost else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
