"""What a person reads about the end of a run."""

from typing import Final

from msgspec import json

from meshmigrate.controller.attempt import Ended
from meshmigrate.controller.conditions import MAX_MESSAGE_LENGTH, shortened
from meshmigrate.controller.observed import Key
from meshmigrate.controller.run_status import RunFailure, SchemaProof, VersionRange
from meshmigrate.controller.status import PlanStatus, VersionPlan
from meshmigrate.domain.describe import DATABASE_STATE, describe_result, sentence
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import Result, Versions

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
        return f"{sentence(end.message)} Nothing was applied by it. {_ANOTHER_RUN}"
    if not end.database_known:
        return f"{sentence(end.message)} {_RUN_AGAIN}"
    result = end.result
    if result is None:
        return f"{sentence(end.message)} {DATABASE_STATE.get(end.outcome, '')}".strip()
    return describe_result(result)


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
    return f"{shortened(sentence(end.message), MAX_MESSAGE_LENGTH - len(command) - 1)} {command}"


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
        hazards=plan.hazards,
        rollback_ready=result.rollback_ready.reason if result.rollback_ready else "",
        run_number=run_number,
    )


def proof_of(result: Result | None) -> SchemaProof | None:
    """Give the digests of the schema for the status."""
    if result is None or result.fingerprint is None:
        return None
    found = result.fingerprint
    return SchemaProof(before=found.before, after=found.after, expected=found.expected)
