"""Drift: the schema that a run finds is not the one that the last run left."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Drift, FingerprintScope, Policy
from meshmigrate.engine.events import EventName
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec

BY_HAND = "CREATE INDEX by_hand ON users (name); COMMENT ON TABLE users IS 'token 0xC0FFEE'"


@pytest.fixture
def drifted(database: Database, project: Project) -> Project:
    """Give a project with a pending file, whose database somebody changed by hand."""
    project.migration("1", "CREATE TABLE users (id int, name text)", "DROP TABLE users")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    database.query(BY_HAND)
    return project.migration("2", "CREATE TABLE orders (id int)", "DROP TABLE orders")


def migrate(
    database: Database, project: Project, drift: Drift, scope: FingerprintScope | None = None
) -> Attempt:
    """Apply what is pending."""
    policy = Policy(drift=drift, fingerprint=scope or FingerprintScope())
    return attempt(database, make_spec(project, policy=policy))


def logged(database: Database) -> list[str]:
    """Give the log's messages about drift."""
    rows = database.query("SELECT message FROM meshmigrate.log WHERE event = 'Drift' ORDER BY id")
    return [message for (message,) in rows]


def test_drift_is_told_and_logged_and_the_run_goes_on(database: Database, drifted: Project) -> None:
    """A warning names the objects; the log has their definitions, without what may be secret."""
    done = migrate(database, drifted, "Warn")
    assert done.outcome is Outcome.SUCCEEDED
    (told,) = (event for event in done.events if event.name is EventName.DRIFT)
    assert told.warning
    assert "public.by_hand (indexes), table public.users (comments)" in told.message
    (message,) = logged(database)
    assert "CREATE INDEX by_hand ON public.users" in message
    assert "C0FFEE" not in message


def test_drift_is_refused_where_the_policy_says_so(database: Database, drifted: Project) -> None:
    """Nothing was run; the refusal names the objects and what to do, also in the log."""
    before = database.dump()
    done = migrate(database, drifted, "Refuse").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.DRIFT)
    assert "public.by_hand (indexes)" in done.message
    assert done.failure is not None
    assert "--against last-run" in done.failure.hint
    assert database.versions == ["1"]
    assert database.dump() == before
    assert ("Refused", None) in database.log


def test_drift_that_was_undone_is_none(database: Database, drifted: Project) -> None:
    """Also where it must be refused."""
    database.query("DROP INDEX by_hand; COMMENT ON TABLE users IS NULL")
    assert migrate(database, drifted, "Refuse").outcome is Outcome.SUCCEEDED
    assert logged(database) == []


def test_drift_is_not_looked_for_where_the_policy_says_so(
    database: Database, drifted: Project
) -> None:
    """Somebody else may be responsible for it."""
    done = migrate(database, drifted, "Ignore")
    assert done.messages(EventName.DRIFT) == logged(database) == []


def test_what_a_run_leaves_with_a_warning_is_the_schema_from_then_on(
    database: Database, drifted: Project
) -> None:
    """Accepted once, it is no drift for the next run."""
    migrate(database, drifted, "Warn")
    drifted.migration("3", "SELECT 1")
    assert migrate(database, drifted, "Refuse").outcome is Outcome.SUCCEEDED


def test_the_first_run_finds_no_drift(database: Database, project: Project) -> None:
    """There is nothing to compare with."""
    database.query("CREATE TABLE by_hand (id int)")
    project.migration("1", "SELECT 1")
    assert migrate(database, project, "Refuse").outcome is Outcome.SUCCEEDED


def test_other_patterns_than_the_last_runs_are_told_and_no_drift(
    database: Database, drifted: Project
) -> None:
    """Two fingerprints of different things say nothing about a change."""
    done = migrate(database, drifted, "Refuse", FingerprintScope(ignore=("public.x*",)))
    assert done.outcome is Outcome.SUCCEEDED
    (message,) = done.messages(EventName.DRIFT)
    assert "not checked" in message


def test_what_a_pattern_leaves_out_does_not_drift(database: Database, project: Project) -> None:
    """Partitions come and go by themselves."""
    scope = FingerprintScope(ignore=("public.events_y*",))
    project.migration("1", "CREATE TABLE events (at date) PARTITION BY RANGE (at)")
    migrate(database, project, "Refuse", scope)
    database.query("CREATE TABLE events_y2026 PARTITION OF events DEFAULT")
    project.migration("2", "SELECT 1")
    assert migrate(database, project, "Refuse", scope).outcome is Outcome.SUCCEEDED


def test_a_rollback_on_purpose_covers_what_the_run_before_it_did(
    database: Database, project: Project
) -> None:
    """It has no option for that, and the next run has to be able to compare."""
    scope = FingerprintScope(ignore=("public.events_y*",))
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    migrate(database, project, "Refuse", scope)
    spec = make_spec(project, target="1", policy=Policy())
    assert attempt(database, spec, start=roll_back).outcome is Outcome.SUCCEEDED
    database.query("CREATE TABLE events_y2026 (x int)")
    done = migrate(database, project, "Refuse", scope)
    assert done.outcome is Outcome.SUCCEEDED
    assert done.messages(EventName.DRIFT) == []
    database.query("CREATE TABLE by_hand (x int)")
    project.migration("3", "SELECT 1")
    assert migrate(database, project, "Refuse", scope).outcome is Outcome.REFUSED
