"""What a person reads about how an attempt ended: what, where, how the database is, what next."""

from collections.abc import Mapping
from typing import Final

from meshmigrate.domain.errors import Location
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail, Result

DATABASE_STATE: Final[Mapping[Outcome, str]] = {
    Outcome.REFUSED: "Nothing was changed.",
    Outcome.FAILED: "Nothing had been applied: the database is as it was before.",
    Outcome.ROLLED_BACK: "The schema was taken back and is proven to be as it was before.",
    Outcome.HALTED: "The database is partly migrated.",
    Outcome.ROLLBACK_FAILED: "The database is not as it was before.",
    Outcome.CANCELLED: "The schema was taken back and is proven to be as it was before.",
}


def describe_result(result: Result) -> str:
    """Say in a few sentences how it ended, what the database is like and what to do next."""
    if result.outcome.succeeded:
        return result.message or _describe_success(result)
    parts = [
        describe_failure(result.failure) if result.failure else sentence(result.message),
        _describe_database(result),
        _remaining(result),
        _lost(result.failure),
        f"Different: {'; '.join(result.differences)}." if result.differences else "",
        result.failure.hint if result.failure else "",
    ]
    return " ".join(part for part in parts if part)


def describe_failure(failure: FailureDetail) -> str:
    """Give one sentence with the place, the SQLSTATE and the message."""
    place = f"{Location(failure.file, failure.line, failure.column)}: " if failure.file else ""
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    message = failure.message.rstrip(".")
    return f"{place}{message}{code}."


def sentence(text: str) -> str:
    """End a sentence that does not end yet."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _describe_success(result: Result) -> str:
    if result.outcome is Outcome.UP_TO_DATE:
        return f"nothing to do: version {result.current_version} is current"
    noun = "migration" if result.applied.count == 1 else "migrations"
    return f"{result.applied.count} {noun} applied, version {result.current_version} is current"


def _describe_database(result: Result) -> str:
    if result.reason == Reason.CONCURRENT_CHANGE:
        return "What this run did is taken back; what differs none of its scripts touches."
    return DATABASE_STATE.get(result.outcome, "")


def _remaining(result: Result) -> str:
    if result.outcome is not Outcome.HALTED or result.applied.count == 0:
        return ""
    return f"Applied and kept: {result.applied.first} to {result.applied.last}."


def _lost(failure: FailureDetail | None) -> str:
    lost = failure.data_not_restored if failure else ()
    return f"Data that is not restored: {'; '.join(lost)}." if lost else ""
