"""An INVALID index is never a success: removed, rebuilt or named, whatever hides it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import EventName
from tests.postgres.harness import Database, Project, attempt, eventually, leap_at, make_spec
from tests.postgres.test_step_crashes import StartRunner, is_waiting, kill_while_waiting, writer
from tests.postgres.test_steps import INDEX, TABLE, apply, indexes, journal

pytestmark = pytest.mark.every_version


def leave_invalid(database: Database, name: str = "i") -> None:
    """Leave an INVALID index on column a of the table."""
    with database.connect() as connection, pytest.raises(Exception, match="could not create"):
        connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON t (a)".encode())
    assert indexes(database)[name] is False


def test_a_unique_violation_leaves_no_invalid_index(database: Database, project: Project) -> None:
    """Nothing of the failed statement stands: Failed, as the database is as it was."""
    database.query(TABLE)
    project.migration("1", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert done.failure is not None
    assert done.failure.sqlstate == "23505"
    assert indexes(database) == {}
    assert journal(database) == []


def test_if_not_exists_does_not_hide_an_invalid_index(database: Database, project: Project) -> None:
    """Fault 33: it is dropped and built anew."""
    database.query(TABLE)
    leave_invalid(database)
    project.migration("1", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)")
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}


@pytest.mark.parametrize(
    ("there", "outcome"),
    [
        ("CREATE INDEX i ON t (lower(a::text)) WHERE b > 3", Outcome.SUCCEEDED),
        ("CREATE INDEX i ON t (lower(a::text)) WHERE b > 4", Outcome.FAILED),
        ("CREATE UNIQUE INDEX i ON t (b)", Outcome.FAILED),
    ],
)
def test_if_not_exists_accepts_the_same_definition_only(
    database: Database, project: Project, there: str, outcome: Outcome
) -> None:
    """The server would report success for any index of that name."""
    database.query(TABLE + there)
    text = "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (lower(t.a::text)) WHERE (b > 3)"
    project.migration("1", text)
    done = apply(database, project)
    assert done.outcome is outcome, done.message
    assert indexes(database) == {"i": True}


def test_an_index_that_somebody_else_is_building_is_waited_for(
    database: Database, project: Project
) -> None:
    """It is INVALID until it is ready: dropping it would destroy their work."""
    database.query(TABLE)
    project.migration("1", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)")
    with ThreadPoolExecutor(2) as background, writer(database) as blocker:
        other = background.submit(database.query, INDEX.rstrip(";\n"))
        eventually(lambda: indexes(database) == {"i": False}, "somebody builds it")
        built = database.scalar("SELECT 'i'::regclass::oid")
        running = background.submit(apply, database, project)
        eventually(
            lambda: database.query(
                "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'meshmigrate:%' "
                "AND query LIKE '%pg_stat_progress_create_index%'"
            ),
            "waits for the builder",
        )
        blocker.rollback()
        assert running.result().outcome is Outcome.SUCCEEDED
        other.result()
    assert indexes(database) == {"i": True}
    assert database.scalar("SELECT 'i'::regclass::oid") == built


def test_an_index_that_is_there_fails_without_if_not_exists(
    database: Database, project: Project
) -> None:
    """It is not ours: it stays, and the error is the server's."""
    database.query(TABLE + "CREATE INDEX i ON t (a)")
    project.migration("1", INDEX)
    done = apply(database, project)
    assert done.failure is not None
    assert (done.outcome, done.failure.sqlstate) == (Outcome.FAILED, "42P07")
    assert indexes(database) == {"i": True}


def test_reindex_table_names_an_index_that_it_skips(database: Database, project: Project) -> None:
    """An INVALID index is never a success."""
    database.query(TABLE)
    leave_invalid(database)
    project.migration("1", "REINDEX TABLE CONCURRENTLY t")
    done = apply(database, project)
    assert done.outcome is Outcome.FAILED
    assert "left INVALID: public.i" in done.message


def test_what_cannot_be_cleaned_up_is_named_and_settled_later(
    database: Database, project: Project
) -> None:
    """A writer outlasts both deadlines: Halted, and the next run begins by cleaning up."""
    database.query(TABLE)
    project.migration("1", INDEX)
    policy = Policy(deadline_seconds=3600, rollback_deadline_seconds=1)
    with database.connect() as writer:
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        done = apply(database, project, policy, leap_at(EventName.APPLYING, 3599))
    assert done.outcome is Outcome.HALTED
    assert "deadlineSeconds (3600 s) has passed" in done.message
    assert "statement 1 (public.i), unfinished" in done.message
    assert indexes(database) == {"i": False}
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}


def test_the_deadline_ends_an_index_build_and_leaves_nothing(
    database: Database, project: Project
) -> None:
    """No statement timeout ends it, only the run's deadline; the INVALID index is dropped."""
    database.query(TABLE)
    project.migration("1", INDEX)
    policy = Policy(deadline_seconds=3600, statement_timeout_seconds=0.1)
    leap = leap_at(EventName.APPLYING, 3599)
    with ThreadPoolExecutor(1) as background, writer(database) as blocker:
        running = background.submit(apply, database, project, policy, leap)
        eventually(lambda: is_waiting(database, "DROP INDEX CONCURRENTLY"), "cleans up")
        blocker.rollback()
        done = running.result()
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.DEADLINE_EXCEEDED)
    assert indexes(database) == {}
    assert journal(database) == []


def test_another_definition_after_a_crash_is_for_a_person(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Somebody made an index of that name meanwhile: Halted, StepUnknown, and it stays."""
    database.query(TABLE)
    project.migration("1", INDEX, "DROP INDEX CONCURRENTLY IF EXISTS i")
    spec = make_spec(project)
    with writer(database):
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    database.query("DROP INDEX i; CREATE INDEX i ON t (b)")
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    assert indexes(database) == {"i": True}
    assert apply(database, project).outcome is Outcome.HALTED
    database.query("DROP INDEX i")
    assert apply(database, project).outcome is Outcome.SUCCEEDED
