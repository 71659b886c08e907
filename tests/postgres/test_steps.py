"""Statements outside transactions: journalled, looked up, done exactly once, taken back."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import Event
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec

pytestmark = pytest.mark.every_version

TABLE = (
    "CREATE TABLE t (a int, b int);\nINSERT INTO t SELECT g % 5, g FROM generate_series(1, 20) g;\n"
)
INDEX = "CREATE INDEX CONCURRENTLY i ON t (a);\n"


def apply(
    database: Database,
    project: Project,
    policy: Policy | None = None,
    leap: Callable[[Event], float] = lambda _: 0.0,
) -> Result:
    """Run what is pending."""
    return attempt(database, make_spec(project, policy=policy), leap=leap).result


def indexes(database: Database) -> dict[str, bool]:
    """Give the indexes of the table and whether each is valid."""
    return dict(
        database.query(
            "SELECT indexrelid::regclass::text, indisvalid AND indisready FROM pg_index "
            "WHERE indrelid = 't'::regclass ORDER BY 1"
        )
    )


def journal(database: Database) -> list[tuple[object, ...]]:
    """Give the rows of the journal."""
    return database.query(
        "SELECT version, direction, ordinal, state, object FROM meshmigrate.step "
        "ORDER BY version, direction, ordinal"
    )


def test_a_file_runs_in_steps_each_with_its_row(database: Database, project: Project) -> None:
    """Transactional statements in a row are one step; the history row comes with the last."""
    project.migration("1", TABLE + INDEX + "ANALYZE t; COMMENT ON TABLE t IS 'x';\nVACUUM t;")
    done = apply(database, project)
    assert (done.outcome, done.applied.count) == (Outcome.SUCCEEDED, 1)
    assert indexes(database) == {"i": True}
    assert journal(database) == [
        ("1", "up", 1, "done", None),
        ("1", "up", 3, "done", "public.i"),
        ("1", "up", 4, "done", None),
        ("1", "up", 6, "done", None),
    ]
    assert database.versions == ["1"]
    assert apply(database, project).outcome is Outcome.UP_TO_DATE


VALID = "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass"


@pytest.mark.parametrize(
    ("statement", "proof"),
    [
        ("DROP INDEX CONCURRENTLY j", "SELECT to_regclass('j') IS NULL"),
        ("DROP INDEX CONCURRENTLY IF EXISTS no_such", "SELECT true"),
        ("REINDEX INDEX CONCURRENTLY j", VALID),
        ("REINDEX TABLE CONCURRENTLY t", VALID),
        (
            "VACUUM (ANALYZE) t",
            "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 't'",
        ),
        (
            'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "U x" ON public.t (b) WHERE t.b > 3',
            "SELECT indisunique FROM pg_index WHERE indexrelid = '\"U x\"'::regclass",
        ),
        (
            "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
            "SELECT NOT relispartition FROM pg_class WHERE relname = 'p1'",
        ),
    ],
)
def test_each_kind_of_statement_does_its_work(
    database: Database, project: Project, statement: str, proof: str
) -> None:
    """As psql would run it."""
    database.query(TABLE + "CREATE INDEX j ON t (b)")
    database.query("CREATE TABLE p (x int) PARTITION BY LIST (x)")
    database.query("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)")
    project.migration("1", statement)
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    # 14 collects its statistics in a process of their own, a moment later.
    eventually(lambda: database.scalar(proof), proof)
    assert [row[3] for row in journal(database)] == ["done"]


def test_what_the_file_sets_holds_for_its_later_steps(database: Database, project: Project) -> None:
    """Each step begins with a fresh session, and the file's own SET is repeated in it."""
    database.query("CREATE SCHEMA s; CREATE TABLE s.t (a int)")
    text = "SET search_path = s; SET lock_timeout = '1ms';\nVACUUM t;\n" + INDEX
    project.migration("1", text, "SET search_path = s; DROP INDEX CONCURRENTLY i; DELETE FROM t;")
    project.migration("2", "SELECT 1/0")
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLED_BACK, done.message
    assert database.scalar("SELECT to_regclass('s.i') IS NULL")


def test_a_failure_between_two_steps_takes_the_file_back(
    database: Database, project: Project
) -> None:
    """The rollback script runs although the file never got its row in the history."""
    database.query(TABLE)
    before = database.dump()
    project.migration("1", INDEX + "SELECT 1/0;\nVACUUM t", "DROP INDEX CONCURRENTLY i;")
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLED_BACK, done.message
    assert done.rolled_back.count == done.applied.count == 0
    assert database.dump() == before
    assert journal(database) == []
    assert ("StepsRolledBack", "1") in database.log


@pytest.mark.parametrize("on_failure", ["Rollback", "Halt"])
def test_without_a_way_back_it_halts_and_resumes_there(
    database: Database, project: Project, on_failure: str
) -> None:
    """The steps done are named; the corrected file goes on at the next one."""
    policy = Policy(on_failure="Rollback" if on_failure == "Rollback" else "Halt")
    project.migration("1", TABLE + INDEX + "SELECT 1/0;\nVACUUM t")
    done = apply(database, project, policy)
    assert done.outcome is Outcome.HALTED
    assert "of version 1 statement 1, statement 3 (public.i)" in done.message
    assert database.versions == []
    for other in ("CREATE TABLE u ();\n" + INDEX, TABLE + "CREATE INDEX i ON t (a)"):
        project.migration("1", other)
        refused = apply(database, project)
        assert (refused.outcome, refused.reason) == (Outcome.FAILED, Reason.SOURCE_CHANGED)
    project.migration("1", TABLE + INDEX + "VACUUM t")
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert database.scalar("SELECT count(*) FROM t") == 20


def test_what_another_run_began_is_not_taken_back(database: Database, project: Project) -> None:
    """Its beginning was there before this run, so the rollback script would go too far."""
    project.migration("1", TABLE + INDEX + "SELECT 1/0")
    assert apply(database, project).outcome is Outcome.HALTED
    project.migration("1", TABLE + INDEX + "VACUUM t", "DROP TABLE t")
    project.migration("2", "SELECT 1/0")
    done = apply(database, project)
    assert done.outcome is Outcome.HALTED
    assert "an earlier run did a part of 1" in done.message
    assert indexes(database) == {"i": True}


def test_a_rollback_script_runs_in_steps(database: Database, project: Project) -> None:
    """DROP INDEX CONCURRENTLY on the way back, proven by the fingerprint."""
    database.query(TABLE)
    project.migration("1", INDEX, "DROP INDEX CONCURRENTLY i;\nCOMMENT ON TABLE t IS NULL")
    project.migration("2", "SELECT 1/0")
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLED_BACK, done.message
    assert done.rolled_back.count == 1
    assert indexes(database) == {}
    assert journal(database) == []


def test_a_check_runs_after_the_last_step(database: Database, project: Project) -> None:
    """A check that fails takes the steps back."""
    database.query(TABLE)
    project.migration("1", INDEX, "DROP INDEX CONCURRENTLY i")
    project.write("checks/1_c.sql", "SELECT to_regclass('i') IS NULL")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.CHECK_FAILED)
    project.write("checks/1_c.sql", "SELECT to_regclass('i') IS NOT NULL")
    assert apply(database, project).outcome is Outcome.SUCCEEDED
