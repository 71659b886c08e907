"""What people read: a title and a few lines, of one end or of many at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.notifications.notice import RETRYING, SEVERITIES, Notice

_NAMED: Final = 5
"""So many of many are named; the rest is a number."""
_LINE: Final = 160
_TITLES: Final[Mapping[str, str]] = {
    Outcome.SUCCEEDED: "done",
    Outcome.UP_TO_DATE: "nothing to do",
    Outcome.AWAITING_APPROVAL: "a plan waits for your approval",
    Outcome.REFUSED: "refused, nothing was changed",
    Outcome.ROLLED_BACK: "a migration failed, the schema was taken back",
    Outcome.FAILED: "a migration failed, nothing was applied",
    Outcome.HALTED: "halted, the database is partly migrated",
    Outcome.ROLLBACK_FAILED: "THE ROLLBACK FAILED, a person is needed now",
    Outcome.CANCELLED: "cancelled, the schema was taken back",
    Outcome.INTERRUPTED: "interrupted",
    Outcome.LOCK_TIMEOUT: "a lock could not be had in time",
    Outcome.UNREACHABLE: "the database cannot be reached",
    RETRYING: "it still does not work, and is tried again and again",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A plain text with its title."""

    title: str
    body: str
    severity: str


def compose(notice: Notice) -> Message:
    """Say what happened, where, how it ended, who asked for it and where to look next."""
    said = _TITLES.get(notice.outcome, notice.outcome)
    if notice.reason == "Planned":
        said = "a plan is ready"
    title = f"[{notice.outcome}] {notice.where}: {said}"
    return Message(title, "\n".join(_lines(notice)), notice.severity)


def compose_many(notices: Sequence[Notice]) -> Message:
    """Say how many ended how, and name the first few, the most urgent ones first."""
    tally = Counter(notice.outcome for notice in notices)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in tally.most_common())
    urgent_first = sorted(notices, key=lambda each: -SEVERITIES.index(each.severity))
    lines = [_shortened(_line(notice)) for notice in urgent_first[:_NAMED]]
    if len(notices) > _NAMED:
        lines.append(f"and {len(notices) - _NAMED} more.")
    lines.append("Look: kubectl get databasemigrations --all-namespaces")
    title = f"{len(notices)} migrations ended: {counts}"
    return Message(title, "\n".join(lines), urgent_first[0].severity)


def _lines(notice: Notice) -> Iterator[str]:
    yield notice.message
    if notice.database:
        version = f", at version {notice.version}" if notice.version else ""
        yield f"Database: {notice.database}{version}"
    yield f"Ended: {', '.join(_end(notice))}"
    asked = [notice.actor, notice.commit and f"commit {notice.commit}", notice.ref]
    if any(asked):
        yield f"Asked for by: {', '.join(filter(None, asked))}"
    if notice.run_url:
        yield f"CI: {notice.run_url}"
    yield f"Look: {_command(notice)}"


def _end(notice: Notice) -> Iterator[str]:
    yield notice.at
    if notice.attempts:
        noun = "attempt" if notice.attempts == 1 else "attempts"
        yield f"after {notice.duration_seconds:.1f} s and {notice.attempts} {noun}"
    if notice.run_number:
        yield f"run {notice.run_number} ({notice.run_id})"


def _command(notice: Notice) -> str:
    if notice.name:
        return f"kubectl -n {notice.namespace} describe databasemigration {notice.name}"
    return "meshmigrate status"


def _line(notice: Notice) -> str:
    return f"{notice.where}: {notice.outcome}: {notice.message}"


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"
