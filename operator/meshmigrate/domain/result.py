"""The output of one attempt: the JSON that leaves the pod as its termination message."""

from typing import Final, Literal

from msgspec import json
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import Contract

MAX_RESULT_BYTES: Final = 4096
"""Kubernetes keeps 4096 bytes of a container's termination message."""

_ELLIPSIS: Final = "…"
_SHORTEST: Final = 40
_LARGEST_VERSION: Final = 512
"""Bytes of a version of a plan, at most: a file's name has 255."""


class Versions(Contract, frozen=True, kw_only=True):
    """Which versions were applied or rolled back: how many, and both ends in that order."""

    count: int = 0
    first: str = ""
    last: str = ""


class FailureDetail(Contract, frozen=True, kw_only=True):
    """What failed, where, and what to do next."""

    message: str
    hint: str = ""
    version: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    sqlstate: str = ""
    statement: str = ""
    data_not_restored: tuple[str, ...] = ()


class DatabaseIdentity(Contract, frozen=True, kw_only=True):
    """Which database the run found: its name and the cluster's system identifier."""

    name: str
    system_identifier: str


class RollbackReady(Contract, frozen=True, kw_only=True):
    """Whether the run could have been taken back, as was known before its first statement."""

    ready: bool
    reason: str
    """Transactional, ScriptVerified, ScriptUnverified, DataLoss, Irreversible or NoScript."""
    message: str


class Fingerprints(Contract, frozen=True, kw_only=True):
    """The schema of the database as digests: equal digests, equal schemas."""

    before: str
    """Stored before the first statement of the run."""
    after: str
    """At its end."""
    expected: str = ""
    """Where a run that went back had to arrive: before the run, or where it was asked to go as
    that was last current; empty of a run that did not go back, or where nobody looked then."""

    @property
    def proven(self) -> bool:
        """Whether a run that went back arrived."""
        return self.after == self.expected


class PlannedVersion(Contract, frozen=True, kw_only=True):
    """A version that a run would apply, or take back."""

    version: str
    name: str
    strongest_lock: str = ""
    """The strongest lock that it takes on a table there is now; empty for none."""
    steps: int = 0
    """In how many steps it runs; 0 where one transaction holds it."""
    rollback: str = ""
    """Transactional, ScriptUnverified, DataLoss, Irreversible or NoScript."""


class PlanSummary(Contract, frozen=True, kw_only=True):
    """What a run would do, as a person reads and approves it."""

    digest: str
    """The same digest, the same files, history and policy."""
    direction: Literal["Apply", "RollBack"] = "Apply"
    count: int = 0
    """How many versions."""
    target: str = ""
    """The version that the database has afterwards; empty for none."""
    versions: tuple[PlannedVersion, ...] = ()
    """In the order in which they run: as many of the first as fit."""
    declares: str = ""
    """What the history is made to say before, without running anything."""
    transaction_mode: str = ""
    transaction_mode_reason: str = ""
    strongest_lock: str = ""
    """The strongest of all of them."""
    data_not_restored: tuple[str, ...] = ()
    """Of a way back: the data that it does not bring back, as many as fit."""
    hazards: tuple[str, ...] = ()
    """What the versions do that had to be allowed, or that is not enforced; as many as fit."""

    @property
    def empty(self) -> bool:
        """Whether a run would do nothing."""
        return not (self.count or self.declares)

    def __str__(self) -> str:
        """Say it in a sentence."""
        noun = "version" if self.count == 1 else "versions"
        if self.direction == "RollBack":
            verb, where = "take back", f"back to {self.target or 'before the first version'}"
        else:
            verb, where = "apply", f"up to {self.target}"
        lock = f", strongest lock {self.strongest_lock}" if self.strongest_lock else ""
        mode = f", transaction mode {self.transaction_mode}" if self.transaction_mode else ""
        loss = ", not all data comes back" if self.data_not_restored else ""
        todo = (
            f"{verb} {self.count} {noun} {where}{mode}{lock}{loss}"
            if self.count
            else "apply nothing"
        )
        return f"{self.declares}; then {todo}" if self.declares else todo


class Result(Contract, frozen=True, kw_only=True):
    """How one attempt ended. Times are RFC 3339 from the server's clock, durations in seconds."""

    api_version: Literal[1]
    run_id: str
    attempt: int
    outcome: Outcome
    reason: str
    message: str
    started_at: str = ""
    finished_at: str = ""
    duration_seconds: float = 0.0
    lock_wait_seconds: float = 0.0
    statement_seconds: float = 0.0
    """How long statements ran: of each try, of checks and of rollback scripts."""
    database: DatabaseIdentity | None = None
    current_version: str = ""
    pending_count: int = 0
    applied: Versions = Versions()
    rolled_back: Versions = Versions()
    transaction_mode: str = ""
    """PerFile or Batch; empty where the attempt did not come as far as choosing."""
    rollback_ready: RollbackReady | None = None
    fingerprint: Fingerprints | None = None
    """Of a run that began; one that was refused before, or found nothing to do, has none."""
    failure: FailureDetail | None = None
    differences: tuple[str, ...] = ()
    """What a fingerprint found different, one line per object, shortened to fit."""
    plan: PlanSummary | None = None
    """Of a run that only planned, or that waits for an approval."""


def encode_result(result: Result, *, limit: int = MAX_RESULT_BYTES) -> bytes:
    """Give the result as JSON of at most ``limit`` bytes.

    The longest texts are cut first, and a cut is shown by an ellipsis, so that the outcome,
    the reason and the place always survive.
    """
    encoded = json.encode(result)
    while len(encoded) > limit:
        shorter = _shorten(result, len(encoded) - limit)
        if shorter == result:
            break
        result = shorter
        encoded = json.encode(result)
    return encoded


def decode_result(data: bytes) -> Result:
    """Read a result.

    Raises
    ------
    ValueError
        If the bytes are not a result: an empty or a foreign termination message. (msgspec's
        DecodeError is one, and so is the UnicodeDecodeError it lets through.)
    """
    return json.decode(data, type=Result)


def _shorten(result: Result, excess: int) -> Result:
    shorter = _with_shorter_list(result, excess)
    if shorter is not None:
        return shorter
    texts = {"message": result.message}
    if result.failure is not None:
        texts |= {"failure.message": result.failure.message, "failure.hint": result.failure.hint}
    if result.rollback_ready is not None:
        texts["rollback_ready.message"] = result.rollback_ready.message
    if result.plan is not None:
        texts |= {
            "plan.transaction_mode_reason": result.plan.transaction_mode_reason,
            "plan.declares": result.plan.declares,
        }
    if result.differences:
        texts["differences"] = result.differences[0]
    name = max(texts, key=lambda key: len(texts[key].encode()))
    cut = _cut(texts[name], excess)
    if name == "message":
        return replace(result, message=cut)
    if name == "differences":
        return replace(result, differences=(cut,))
    part, _, field = name.partition(".")
    return replace(result, **{part: replace(getattr(result, part), **{field: cut})})


def _with_shorter_list(result: Result, excess: int) -> Result | None:
    """Leave out the last of what there are many of; None where there is nothing to leave out."""
    plan, failure = result.plan, result.failure
    if plan is not None and len(plan.versions) > 1:
        kept = max(1, len(plan.versions) - 1 - excess // _LARGEST_VERSION)
        return replace(result, plan=replace(plan, versions=plan.versions[:kept]))
    if plan is not None and plan.data_not_restored:
        fewer = plan.data_not_restored[:-1]
        return replace(result, plan=replace(plan, data_not_restored=fewer))
    if plan is not None and plan.hazards:
        return replace(result, plan=replace(plan, hazards=plan.hazards[:-1]))
    if len(result.differences) > 1:
        return replace(result, differences=result.differences[:-1])
    if failure is not None and failure.data_not_restored:
        lost = failure.data_not_restored[:-1]
        return replace(result, failure=replace(failure, data_not_restored=lost))
    return None


def _cut(text: str, excess: int) -> str:
    raw = text.encode()
    kept = max(len(raw) - excess - len(_ELLIPSIS.encode()), _SHORTEST)
    return text if kept >= len(raw) else raw[:kept].decode(errors="ignore") + _ELLIPSIS
