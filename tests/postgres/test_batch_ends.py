"""How each script of a batch ends: in the message of its last statement, as if it were alone."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import Policy, TransactionMode
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec
from tests.postgres.test_batch import BATCH, apply
from tests.postgres.test_batch_settles import HIDDEN, LATER

TEMPORARY = """
DO $$ BEGIN
    EXECUTE 'CREATE TEMP TABLE u (t int UNIQUE DEF' || 'ERRABLE INITIALLY DEF' || 'ERRED)';
    INSERT INTO u VALUES (7), (7);
    DELETE FROM u WHERE ctid = '(0,1)';
END $$;
"""
TRIGGER = """
CREATE TABLE u (t int);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO t VALUES (new.t); RETURN NULL; END';
DO $$ BEGIN
    EXECUTE 'CREATE CONSTRAINT TRIGGER c AFTER INSERT ON u DEF' || 'ERRABLE INITIALLY DEF'
        || 'ERRED FOR EACH ROW EXECUTE FUNCTION f()';
    INSERT INTO u VALUES (7);
END $$;
"""
FUNCTION = """
CREATE TABLE m (x int);
CREATE FUNCTION make() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'CREATE TABLE u (t int REFERENCES t DEF' || 'ERRABLE INITIALLY DEF' || 'ERRED)';
    INSERT INTO u VALUES (7);
    RETURN 1;
END $$;
INSERT INTO m SELECT make();
"""
CURSOR = FUNCTION.replace(
    "INSERT INTO m SELECT make()", "DECLARE c CURSOR FOR SELECT make(); FETCH c"
)


def begun(done: Attempt) -> list[str]:
    """Give the versions that have begun, each as often as it did."""
    return [event.version for event in done.events if event.name is EventName.APPLYING]


@pytest.mark.parametrize(
    "texts",
    [
        ("PREPARE p AS SELECT 1", "CREATE TABLE a ()", "CREATE TABLE b ()"),
        ("CREATE TABLE a ()", "DEALLOCATE ALL", "CREATE TABLE b ()"),
        ("CREATE TABLE a ()", "CREATE TABLE b ()", "DEALLOCATE ALL"),
    ],
)
def test_a_batch_runs_once_whatever_its_scripts_leave_prepared(
    database: Database, project: Project, texts: tuple[str, ...]
) -> None:
    """That nothing is prepared is no sign of a constraint that can wait."""
    done = apply(database, project, *texts)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert begun(done) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("made", "then"),
    [
        (HIDDEN + LATER, "ALTER TABLE u ADD y int"),
        (HIDDEN + LATER, "DROP TABLE u"),
        (FUNCTION + LATER, "ALTER TABLE u ADD y int"),
        (TEMPORARY, "CREATE TABLE w ()"),
        (TEMPORARY, ""),
        (TRIGGER, "SELECT 1 / count(*) FROM t"),
        (CURSOR + LATER, "SELECT 1"),
    ],
)
def test_what_a_file_has_left_waiting_is_over_before_the_next_one(
    database: Database, project: Project, made: str, then: str
) -> None:
    """Also where nobody can read that something waits: it would stop an ALTER TABLE, or be late."""
    database.query("CREATE TABLE t (id int PRIMARY KEY)")
    done = apply(database, project, "CREATE TABLE a ()", made, then, "CREATE TABLE b ()")
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert database.versions == ["1", "2", "3", "4"]


@pytest.mark.parametrize("then", ["SET CONSTRAINTS ALL IMMEDIATE", "SELECT 1/0"])
def test_what_is_wrong_at_the_end_of_a_file_is_told_of_that_file(
    database: Database, project: Project, then: str
) -> None:
    """And not of the next one, which comes upon it or fails by itself."""
    database.query("CREATE TABLE t (id int PRIMARY KEY)")
    done = apply(database, project, "CREATE TABLE a ()", HIDDEN, then, "CREATE TABLE b ()")
    assert done.result.failure is not None
    assert (done.result.failure.file, done.result.failure.sqlstate) == (
        "migrations/2_m.sql",
        "23503",
    )


def test_what_can_wait_in_a_temporary_table_of_another_session_takes_nothing_back(
    database: Database, project: Project
) -> None:
    """An application that makes one in the middle of a batch does not have it run twice."""
    for version in "123":
        project.migration(version, f"CREATE TABLE a{version} ()")
    with database.connect() as other:

        def make(event: Event) -> None:
            if event.name is EventName.APPLYING and event.version == "2":
                other.execute("CREATE TEMP TABLE IF NOT EXISTS x (i int UNIQUE DEFERRABLE)")

        done = attempt(database, make_spec(project, policy=BATCH), during=make)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert begun(done) == ["1", "2", "3"]


def test_who_took_the_ledger_away_from_a_batch_is_not_said_to_be_its_last_file(
    database: Database, project: Project
) -> None:
    """All rows are written behind the last file, when any of them may have done it."""
    attempt(database, make_spec(project.migration("0", "SELECT 1")))
    taken = "ALTER TABLE meshmigrate.log RENAME TO gol"
    done = apply(database, project, taken, "CREATE TABLE b ()", "CREATE TABLE c ()")
    assert done.outcome is Outcome.FAILED
    assert done.result.failure is not None
    assert done.result.failure.file == ""
    told = "one of the files migrations/1_m.sql to migrations/3_m.sql, which share a transaction, "
    assert done.result.failure.message.startswith(told + "changed the ledger's own tables")


def test_an_object_that_the_file_itself_uses_is_no_sign_of_what_waits(
    database: Database, project: Project
) -> None:
    """No file before it has done anything that can leave something: nothing runs twice."""
    uses = "CREATE TABLE z (x int); DECLARE c CURSOR FOR SELECT * FROM z; ALTER TABLE z ADD y int"
    done = apply(database, project, "CREATE TABLE a ()", uses, "CREATE TABLE b ()")
    assert done.result.failure is not None
    assert (done.result.failure.file, done.result.failure.sqlstate) == (
        "migrations/2_m.sql",
        "55006",
    )
    assert begun(done) == ["1", "2"]


@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
@pytest.mark.parametrize(
    "made",
    [
        "CREATE TEMP TABLE u (x int); DECLARE c CURSOR FOR SELECT * FROM u",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    ],
)
def test_a_cursor_ends_with_its_file(
    database: Database, project: Project, mode: TransactionMode, made: str
) -> None:
    """Neither does it keep a temporary table from going, nor its name from the next file."""
    for version in "123":
        project.migration(version, made)
    policy = Policy(transaction_mode=mode)
    done = attempt(database, make_spec(project, policy=policy))
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
