"""What a run would do: the history and the files, compared before anything changes."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct, json

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.domain.script import Migration, MigrationSet
from meshmigrate.domain.version import Version

How = Literal["applied", "baseline", "adopted"]

_POLICY: Final = Policy()


class AppliedVersion(Struct, frozen=True, gc=False):
    """A row of the history."""

    version: Version
    name: str
    checksum: str
    rollback_checksum: str | None
    run_id: UUID
    how: How


@dataclass(frozen=True, slots=True)
class Plan:
    """The versions that a run applies, in order, and what identifies that intention.

    ``digest`` covers what the whole run does: where, what the database has before it, the files
    in order with their rollback scripts and checks, and the policy that says what runs and how.
    It stays the same when a later attempt finds a part of it done, so the same run with other
    files is recognised, and what a person has approved is one thing.
    """

    current: Version | None
    pending: tuple[Migration, ...]
    digest: str


def make_plan(
    source: MigrationSet,
    history: Sequence[AppliedVersion],
    *,
    target: Version | None,
    run_id: UUID,
    policy: Policy = _POLICY,
    place: Sequence[str] = (),
) -> Plan:
    """Compare files and history.

    Parameters
    ----------
    target
        The version to reach; None for all of them.
    run_id
        The run asking: what it has already applied still belongs to its plan.
    policy
        Its ``out_of_order``: whether a version below the current one that is not applied is
        refused, or applied too.
    place
        What says where the files run: the database, the role, the search path.

    Raises
    ------
    Refusal
        ``MissingFile``, ``ChecksumMismatch``, ``OutOfOrder``, ``UnknownTarget`` or
        ``TargetBelowCurrent``.
    """
    # By number: comparing and hashing 10,000 versions otherwise takes longer than reading them.
    files = {migration.version.number: migration for migration in source.migrations}
    applied = {row.version.number: row.version for row in history}
    current = applied[max(applied)] if applied else None
    _refuse_changed(history, files)
    if target is not None:
        _refuse_target(target, current, files)
    pending = tuple(
        migration
        for number, migration in files.items()
        if number not in applied and (target is None or number <= target.number)
    )
    if policy.out_of_order == "Refuse":
        _refuse_out_of_order(pending, current, applied.values())
    mine = [row for row in history if row.run_id == run_id and row.how == "applied"]
    own = {row.version.number for row in mine}
    forward = [*(files[number] for number in own), *pending]
    content: dict[str, object] = {
        "place": place,
        "before": [
            [row.version.text, row.checksum] for row in history if row.version.number not in own
        ],
        "forward": [_content(each) for each in sorted(forward, key=lambda each: each.version)],
        "finally": [check.checksum for check in source.final_checks],
        "onFailure": policy.on_failure,
        "transactionMode": policy.transaction_mode,
    }
    # What is as ever is left out: the digests of runs in flight and of approved plans stay.
    if policy.hazards != _POLICY.hazards:
        content["hazards"] = [sorted(policy.hazards.enforce), sorted(policy.hazards.allow)]
    return Plan(current, pending, _digest(content))


def retreat_digest(
    history: Sequence[AppliedVersion],
    leaving: Sequence[AppliedVersion],
    place: Sequence[str] = (),
) -> str:
    """Give what identifies the intention to take versions back, the one applied last first."""
    content = {
        "place": place,
        "before": [[str(row.version), row.checksum] for row in history],
        "back": [[str(row.version), row.rollback_checksum] for row in leaving],
    }
    return _digest(content)


def _content(migration: Migration) -> list[object]:
    rollback = migration.rollback
    return [
        str(migration.version),
        migration.script.checksum,
        rollback.checksum if rollback else None,
        [check.checksum for check in migration.checks],
    ]


def _digest(content: Mapping[str, object]) -> str:
    encoded = json.encode(content, order="deterministic")
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def refuse_changed_history(history: Iterable[AppliedVersion], source: MigrationSet) -> None:
    """Refuse where a version of the history has no file any more, or another one.

    Raises
    ------
    Refusal
        ``MissingFile`` or ``ChecksumMismatch``.
    """
    _refuse_changed(history, {each.version.number: each for each in source.migrations})


def _refuse_changed(history: Iterable[AppliedVersion], files: Mapping[int, Migration]) -> None:
    for row in history:
        migration = files.get(row.version.number)
        if migration is None:
            raise Refusal(
                Reason.MISSING_FILE,
                f"version {row.version} ({row.name}) is applied, but its file is not in the source",
                hint="Put the file back: the history of a database and its files go together.",
            )
        if row.checksum != migration.script.checksum:
            raise Refusal(
                Reason.CHECKSUM_MISMATCH,
                f"version {row.version} was edited after it was applied: "
                f"the history has {row.checksum}, the file {migration.script.checksum}",
                hint="Restore the file as it was and put the change into a new migration; "
                "or, where the database already is what the file says now, accept it: "
                f"`meshmigrate repair --accept {row.version} --reason TEXT`, or ledger.accept of "
                "the resource.",
                location=Location(migration.script.file),
            )


def _refuse_target(
    target: Version, current: Version | None, files: Mapping[int, Migration]
) -> None:
    if target.number not in files:
        raise Refusal(
            Reason.UNKNOWN_TARGET,
            f"there is no migration with version {target}",
            hint="Give a version of the source, or 'latest'.",
        )
    if current is not None and target < current:
        raise Refusal(
            Reason.TARGET_BELOW_CURRENT,
            f"the target {target} is below the current version {current}",
            hint="To go back on purpose, run `meshmigrate rollback --to VERSION`, or set "
            "allowRollback in the resource.",
        )


def _refuse_out_of_order(
    pending: Sequence[Migration], current: Version | None, applied: Iterable[Version]
) -> None:
    late = [m for m in pending if current is not None and m.version < current]
    if late:
        after = min(version for version in applied if version > late[0].version)
        raise Refusal(
            Reason.OUT_OF_ORDER,
            f"version {late[0].version} is not applied, but the later version {after} is",
            hint=f"Give the file a number above {current}, or, where its order does not matter, "
            "apply it late: `--out-of-order Apply`.",
            location=Location(late[0].script.file),
        )
