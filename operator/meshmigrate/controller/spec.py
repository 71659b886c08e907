"""The spec of a DatabaseMigration as values, and the hash of what starts a run."""

import hashlib
from functools import cache
from typing import Any, Final, Literal

from msgspec import Struct, convert, field, json
from msgspec.structs import fields, replace

from meshmigrate.controller.database_spec import Database
from meshmigrate.controller.job_spec import JobSettings
from meshmigrate.controller.source_spec import Source
from meshmigrate.domain.runspec import (
    Accepted,
    Adopt,
    Approval,
    Drift,
    FingerprintScope,
    HazardPolicy,
    Ledger,
    LockPolicy,
    OnFailure,
    OutOfOrder,
    Policy,
    Request,
    TransactionMode,
)

Mode = Literal["Apply", "Plan"]
DeletionPolicy = Literal["Wait", "Cancel"]

LONGEST_START_SECONDS: Final = 1800
"""How long a Job may wait for its container before another takes its place."""
_JOB_BACKSTOP_SECONDS: Final = 300


class Retry(Request, frozen=True, kw_only=True):
    """How long to retry what nobody needs to repair, and what then; in seconds."""

    deadline_seconds: float = 3600
    after_deadline: Literal["KeepTrying", "GiveUp"] = "KeepTrying"


class MigrationPolicy(Request, frozen=True, kw_only=True):
    """``spec.policy``: the runner's policy and the operator's retry."""

    on_failure: OnFailure = "Rollback"
    drift: Drift = "Warn"
    fingerprint: FingerprintScope = FingerprintScope()
    transaction_mode: TransactionMode = "Auto"
    out_of_order: OutOfOrder = "Refuse"
    hazards: HazardPolicy = HazardPolicy()
    lock: LockPolicy = LockPolicy()
    statement_timeout_seconds: float = 900
    deadline_seconds: float = 3600
    rollback_deadline_seconds: float = 3600
    retry: Retry = Retry()
    approval: Approval = "None"

    @property
    def of_the_run(self) -> Policy:
        """The part that the runner obeys."""
        return Policy(
            on_failure=self.on_failure,
            drift=self.drift,
            fingerprint=self.fingerprint,
            transaction_mode=self.transaction_mode,
            out_of_order=self.out_of_order,
            hazards=self.hazards,
            lock=self.lock,
            statement_timeout_seconds=self.statement_timeout_seconds,
            deadline_seconds=self.deadline_seconds,
            rollback_deadline_seconds=self.rollback_deadline_seconds,
            approval=self.approval,
        )

    @property
    def job_deadline_seconds(self) -> int:
        """When a Job is ended although its runner should have ended itself: a backstop.

        A Job's time begins when it is created, not when its container starts.
        """
        longest = (
            self.deadline_seconds
            + self.rollback_deadline_seconds
            + self.lock.acquire_timeout_seconds
        )
        return int(longest) + LONGEST_START_SECONDS + _JOB_BACKSTOP_SECONDS


class MigrationLedger(Request, frozen=True, kw_only=True):
    """``spec.ledger``: where the history is kept, and what it takes over."""

    schema: str = "meshmigrate"
    write_back: bool = False
    baseline: str | int = ""
    adopt: Adopt = "None"
    accept: tuple[Accepted, ...] = ()

    @property
    def of_the_run(self) -> Ledger:
        """The same as the runner is told it."""
        return Ledger(
            schema=self.schema,
            write_back=self.write_back,
            baseline=str(self.baseline),
            adopt=self.adopt,
            accept=tuple(sorted(self.accept, key=lambda each: each.version)),
        )


class SourceProvenance(Request, frozen=True, kw_only=True):
    """Where the change comes from, as CI knows it; no reason to run again."""

    commit: str = ""
    ref: str = ""
    actor: str = ""
    run_url: str = field(default="", name="runURL")


class Notifications(Request, frozen=True, kw_only=True):
    """Who is told how runs end: channels of the operator; None for its default ones."""

    channels: tuple[str, ...] | None = None


class MigrationSpec(Request, frozen=True, kw_only=True):
    """What a DatabaseMigration asks for."""

    mode: Mode = "Apply"
    database: Database
    source: Source
    target: str | int = "latest"
    allow_rollback: bool = False
    ledger: MigrationLedger = MigrationLedger()
    approved_plan: str = ""
    policy: MigrationPolicy = MigrationPolicy()
    suspend: bool = False
    deletion_policy: DeletionPolicy = "Wait"
    provenance: SourceProvenance = SourceProvenance()
    notifications: Notifications = Notifications()
    job: JobSettings = JobSettings()


def parse_spec(spec: dict[str, Any]) -> MigrationSpec:
    """Read the spec of a resource.

    Raises
    ------
    msgspec.ValidationError
        If it has what this operator does not know: the schema in the cluster is of another
        release.
    """
    return convert(spec, type=MigrationSpec)


def spec_hash(spec: MigrationSpec) -> str:
    """Give the hash whose change starts a run.

    It covers everything but the provenance, the notifications, the Job's settings and what only
    holds runs up. A
    default that is written out hashes like one that is left out, so a field that a later release
    adds changes no hash.
    """
    covered = replace(
        spec,
        target=str(spec.target),
        ledger=replace(
            spec.ledger,
            baseline=str(spec.ledger.baseline),
            accept=spec.ledger.of_the_run.accept,
        ),
        source=spec.source.canonical,
        provenance=SourceProvenance(),
        notifications=Notifications(),
        suspend=False,
        deletion_policy="Wait",
        job=JobSettings(),
    )
    canonical = json.encode(_without_defaults(covered), order="deterministic")
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def settings_hash(spec: MigrationSpec) -> str:
    """Give the hash of what the resource says about the pod: a Job of another one is outdated."""
    return hashlib.sha256(json.encode(spec.job, order="deterministic")).hexdigest()[:16]


@cache
def _fields(of: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Give name, name in JSON and default of each field, which msgspec works out each time."""
    return tuple((each.name, each.encode_name, each.default) for each in fields(of))


def _without_defaults(value: Any) -> Any:
    """Leave out what equals its default; msgspec itself leaves out only what is the same object."""
    if isinstance(value, Struct):
        return {
            encoded: _without_defaults(content)
            for name, encoded, default in _fields(type(value))
            if (content := getattr(value, name)) != default
        }
    if isinstance(value, tuple):
        return [_without_defaults(item) for item in value]
    return value
