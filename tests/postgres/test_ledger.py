"""The ledger: made, found, refused; and the log's chain."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec

COLUMNS = {
    "applied": "version ordinal name checksum rollback_checksum applied_at duration run_id how",
    "fingerprint": "digest sections objects taken_at",
    "lease": "id epoch holder run_id backend_pid backend_start acquired_at",
    "log": "id at run_id attempt version script event duration outcome error_code message "
    "previous_hash hash",
    "log_head": "id last_id hash",
    "meta": "id ledger_version upgraded_at write_back",
    "run": "id attempt intent plan_digest transaction_mode started_at finished_at outcome reason "
    "failure result actor commit ref run_url resource fingerprint_before fingerprint_after "
    "wal_position",
    "script": "checksum kind text",
    "step": "run_id version direction ordinal checksum state object absent_before "
    "connections_lost started_at finished_at",
    "verified": "checksum rollback_checksum verified_at",
}


@pytest.fixture
def applied(database: Database, project: Project) -> Database:
    """Give a database with two versions applied and one that failed."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)")
    attempt(database, make_spec(project))
    project.migration("3", "SELECT 1/0")
    attempt(database, make_spec(project))
    return database


def test_tables_and_columns_are_those_that_were_promised(applied: Database) -> None:
    """They are read by people and other tools: a change is a change of contract."""
    rows = applied.query(
        "SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relnamespace = 'meshmigrate'::regnamespace AND c.relkind = 'r' GROUP BY 1"
    )
    assert dict(rows) == COLUMNS


def test_every_table_and_column_has_a_comment(applied: Database) -> None:
    """Whoever meets the ledger in psql can read what it is."""
    assert not applied.query(
        "SELECT c.relname, a.attname FROM pg_class AS c "
        "LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 "
        "WHERE c.relnamespace = 'meshmigrate'::regnamespace AND c.relkind = 'r' "
        "AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)"
    )


def test_nobody_else_may_look_into_it(applied: Database) -> None:
    """Nothing is granted to PUBLIC, neither on the schema nor on its function."""
    assert not applied.scalar("SELECT has_schema_privilege('public', 'meshmigrate', 'USAGE')")
    assert not applied.scalar(
        "SELECT has_function_privilege('public', 'meshmigrate.refuse_change()', 'EXECUTE')"
    )


def test_the_history_keeps_what_is_needed_to_go_back(applied: Database) -> None:
    """Checksums of both scripts, both texts, how long it took and which run did it."""
    rows = applied.query(
        "SELECT a.version, a.how, s.text, m.text, a.duration > interval '0' "
        "FROM meshmigrate.applied AS a "
        "LEFT JOIN meshmigrate.script AS s ON s.checksum = rollback_checksum AND kind = 'rollback' "
        "JOIN meshmigrate.script AS m ON m.checksum = a.checksum AND m.kind = 'migration' "
        "ORDER BY a.ordinal"
    )
    assert rows == [
        ("1", "applied", "DROP TABLE a", "CREATE TABLE a (x int)", True),
        ("2", "applied", None, "CREATE TABLE b (x int)", True),
    ]


def test_a_migration_of_more_than_a_mebibyte_is_not_kept(
    database: Database, project: Project
) -> None:
    """It is not needed to go back; its checksum is in the history all the same."""
    project.migration("1", f"SELECT 1 -- {'x' * 1024 * 1024}")
    attempt(database, make_spec(project))
    assert database.versions == ["1"]
    assert database.scalar("SELECT count(*) FROM meshmigrate.script") == 0


def test_the_scripts_are_kept_before_the_first_of_them_runs(
    database: Database, project: Project
) -> None:
    """Those of all files at once, in messages of a mebibyte: also of the file that fails."""
    large = f"-- {'x' * 1024 * 1024}"
    project.migration("1", "CREATE TABLE a (x int)", f"DROP TABLE a {large} '")
    project.migration("2", 'CREATE TABLE b (x int, "\\\'" int)', f"DROP TABLE b {large}")
    project.migration("3", "SELECT 1 / 0")
    attempt(database, make_spec(project))
    kept = database.query("SELECT kind, left(text, 12) FROM meshmigrate.script ORDER BY kind, text")
    assert kept == [
        ("migration", "CREATE TABLE"),
        ("migration", "CREATE TABLE"),
        ("migration", "SELECT 1 / 0"),
        ("rollback", "DROP TABLE a"),
        ("rollback", "DROP TABLE b"),
    ]
    assert (
        database.scalar("SELECT text FROM meshmigrate.script WHERE text LIKE 'CREATE TABLE b%'")
        == 'CREATE TABLE b (x int, "\\\'" int)'
    )


def test_the_fingerprint_before_is_committed_before_the_first_statement(
    database: Database, project: Project
) -> None:
    """So that whoever continues after a crash can prove where it came from."""
    project.migration(
        "1",
        "CREATE TABLE seen AS SELECT r.outcome, f.digest FROM meshmigrate.run AS r "
        "JOIN meshmigrate.fingerprint AS f ON f.digest = r.fingerprint_before",
    )
    attempt(database, make_spec(project))
    assert database.scalar("SELECT count(*) FROM seen WHERE outcome IS NULL") == 1


def test_a_schema_of_somebody_else_is_left_alone(database: Database, project: Project) -> None:
    """It has the name but not the mark: LedgerConflict."""
    project.migration("1", "SELECT 1")
    database.query("CREATE SCHEMA meshmigrate; CREATE TABLE meshmigrate.theirs (x int)")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.LEDGER_CONFLICT)
    assert database.query("SELECT relname FROM pg_class WHERE relname = 'applied'") == []


def test_an_empty_schema_made_by_an_administrator_is_used(
    database: Database, project: Project
) -> None:
    """Fault 34: where the role may not create schemas in the database, somebody else can."""
    project.migration("1", "SELECT 1")
    database.query(f"ALTER DATABASE {database.name} OWNER TO postgres", superuser=True)
    refused = attempt(database, make_spec(project)).result
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)
    database.query("CREATE SCHEMA meshmigrate AUTHORIZATION app", superuser=True)
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_a_newer_ledger_is_refused(applied: Database, project: Project) -> None:
    """A release that does not know it must not write to it."""
    applied.query("UPDATE meshmigrate.meta SET ledger_version = 99")
    done = attempt(applied, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.LEDGER_TOO_NEW)


def test_two_ledger_schemas_are_two_histories(applied: Database, project: Project) -> None:
    """And neither is part of what the other one compares: a fingerprint knows no ledger."""
    project.root.joinpath("migrations/3_m.sql").unlink()
    project.migration("1", "CREATE TABLE c (x int)").migration("2", "SELECT 1")
    done = attempt(applied, make_spec(project, schema='odd "name"')).result
    assert done.outcome is Outcome.SUCCEEDED
    assert applied.scalar('SELECT count(*) FROM "odd ""name""".applied') == 2
    sections = applied.scalar(
        "SELECT string_agg(f.sections::text, '') FROM meshmigrate.fingerprint AS f"
    )
    assert sections


def test_the_log_tells_the_story(applied: Database) -> None:
    """One row per thing that happened, with its version."""
    assert applied.log == [
        ("LedgerUpgraded", None),
        ("Started", None),
        ("Applied", "1"),
        ("Applied", "2"),
        ("Finished", None),
        ("Started", None),
        ("Failed", "3"),
        ("Finished", None),
    ]
    failed = applied.query(
        "SELECT script, outcome, error_code, message FROM meshmigrate.log WHERE event = 'Failed'"
    )
    assert failed[0][:3] == ("migrations/3_m.sql", "Failed", "22012")
    assert "division by zero" in failed[0][3]


def test_the_chain_verifies(applied: Database) -> None:
    """Whatever time zone and date style the reader has."""
    with applied.connect() as connection:
        connection.execute("SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German'")
        assert log.find_break(Ledger(connection, "meshmigrate")) is None


def test_two_who_write_at_once_make_one_chain(applied: Database) -> None:
    """Whoever waits for the end of the chain goes on from where it is then."""
    with applied.connect() as first, applied.connect() as second, ThreadPoolExecutor(1) as pool:
        first.execute("BEGIN")
        log.append(Ledger(first, "meshmigrate"), log.Entry(event="First"))
        waiting = pool.submit(
            log.append, Ledger(second, "meshmigrate"), log.Entry(event="Second", timed=True)
        )
        eventually(applied.waits_for_row, "waits for the end of the log")
        log.append(Ledger(first, "meshmigrate"), log.Entry(event="FirstAgain"))
        first.execute("COMMIT")
        waiting.result()
        assert log.find_break(Ledger(first, "meshmigrate")) is None
    assert applied.log[-3:] == [("First", None), ("FirstAgain", None), ("Second", None)]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE meshmigrate.log SET message = 'all was well' WHERE id = 7",
        "UPDATE meshmigrate.log SET at = at - interval '1 hour' WHERE id = 7",
        "UPDATE meshmigrate.log SET run_id = NULL WHERE id = 7",
        "DELETE FROM meshmigrate.log WHERE id = 7",
        "DELETE FROM meshmigrate.log WHERE id = 8",
        "DELETE FROM meshmigrate.log WHERE id = 1",
    ],
)
def test_tampering_with_the_log_shows(applied: Database, tampering: str) -> None:
    """Even by somebody who can switch the trigger off."""
    applied.query(f"ALTER TABLE meshmigrate.log DISABLE TRIGGER ALL; {tampering}")
    with applied.connect() as connection:
        assert log.find_break(Ledger(connection, "meshmigrate")) is not None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meshmigrate.log SET id = id",
        "DELETE FROM meshmigrate.log",
        "TRUNCATE meshmigrate.log",
    ],
)
def test_the_log_is_append_only(applied: Database, change: str) -> None:
    """Update, delete and truncate are refused by a trigger."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        applied.query(change)


def test_the_run_s_row_says_how_it_ended(applied: Database) -> None:
    """Outcome, reason, and the fingerprints of a run that changed nothing are equal."""
    rows = applied.query(
        "SELECT id, outcome, reason, fingerprint_before = fingerprint_after, "
        "result->>'outcome', wal_position IS NOT NULL FROM meshmigrate.run ORDER BY started_at"
    )
    assert isinstance(rows[0][0], UUID)
    assert [row[1:] for row in rows] == [
        ("Succeeded", "Succeeded", False, "Succeeded", True),
        ("Failed", "StatementFailed", True, "Failed", True),
    ]
