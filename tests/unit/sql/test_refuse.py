"""What a script must not contain is refused before anything runs, and nothing else is."""

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.source.directives import make_script
from meshmigrate.sql.prepare import prepare


def reason_of(text: str, kind: ScriptKind = ScriptKind.MIGRATION) -> Reason | None:
    """Give the reason a script is refused for; None if it is not."""
    try:
        prepare(Script(kind, "migrations/001_x.sql", text))
    except Refusal as refusal:
        return refusal.reason
    return None


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "COMMIT AND CHAIN",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "ROLLBACK TO a",
        "PREPARE TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
        "DO $$ BEGIN COMMIT; END $$",
        "DO $$ BEGIN IF true THEN ROLLBACK; END IF; END $$",
        "DO LANGUAGE plpgsql 'BEGIN LOOP COMMIT AND CHAIN; END LOOP; END'",
    ],
)
def test_transaction_control_is_refused(text: str) -> None:
    """Nothing may end the transaction that holds a file together with its history row."""
    assert reason_of(text) is Reason.TRANSACTION_CONTROL


@pytest.mark.parametrize(
    "text",
    [
        "SET TRANSACTION READ ONLY",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY",
        "SET LOCAL transaction_read_only = On",
        "SET transaction_read_only = 1",
    ],
)
def test_a_transaction_that_is_to_be_read_only_is_refused(text: str) -> None:
    """Neither the file's own row nor a file behind it in a batch could be written."""
    with pytest.raises(Refusal, match="READ ONLY would keep the file's own row") as caught:
        prepare(Script(ScriptKind.MIGRATION, "m/1_x.sql", text))
    assert caught.value.reason is Reason.TRANSACTION_CONTROL
    assert caught.value.hint.startswith("Remove it: what only reads is a check")


@pytest.mark.parametrize(
    "text",
    [
        "SET TRANSACTION READ WRITE",
        "SET TRANSACTION DEFERRABLE",
        "SET transaction_read_only = off",
        "SET transaction_read_only = 0",
        "SET transaction_read_only TO DEFAULT",
        "RESET transaction_read_only",
        "SET default_transaction_read_only = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    ],
)
def test_a_transaction_that_may_write_is_not_refused(text: str) -> None:
    """And what the next one would begin with is taken back from the session anyway."""
    assert reason_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "DISCARD ALL",
        "SET SESSION AUTHORIZATION app",
        "SET LOCAL SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "SET session_authorization = app",
        "SELECT pg_advisory_unlock(1)",
        "SELECT pg_catalog.PG_ADVISORY_UNLOCK_ALL()",
        'SELECT "pg_advisory_unlock_shared"(1)',
        'SELECT U&"pg\\005fadvisory_unlock"(1)',
        "INSERT INTO t SELECT pg_advisory_unlock(id) FROM u",
        "EXPLAIN ANALYZE SELECT pg_advisory_unlock(1)",
        "DO $$ BEGIN PERFORM pg_advisory_unlock_all(); END $$",
        "DO $$ BEGIN EXECUTE 'SELECT pg_advisory_unlock(1)'; END $$",
    ],
)
def test_session_control_is_refused(text: str) -> None:
    """Nothing may take the lock or the role away from the run."""
    assert reason_of(text) is Reason.SESSION_CONTROL


@pytest.mark.parametrize(
    "text",
    [
        "COPY t FROM stdin;\n1\tit's \"one\n\\.\n",
        "COPY t (a, b) FROM STDIN WITH (FORMAT csv);\n\\.\nSELECT 1;",
        "COPY t FROM stdin",
        "COPY t TO STDOUT",
        "COPY (SELECT 1) TO stdout",
    ],
)
def test_copy_through_the_client_is_refused_even_with_its_data(text: str) -> None:
    """COPY FROM stdin is named, not the syntax error that its data is."""
    assert reason_of(text) is Reason.COPY_FROM_STDIN


@pytest.mark.parametrize(
    ("text", "form", "hint"),
    [
        (
            "CREATE INDEX CONCURRENTLY ON t (a)",
            "CREATE INDEX CONCURRENTLY without a name",
            "Give the index a name.",
        ),
        ("DROP INDEX CONCURRENTLY i, j", "DROP INDEX CONCURRENTLY", "Drop one index in each"),
        (
            "ALTER SUBSCRIPTION s ADD PUBLICATION p",
            "ALTER SUBSCRIPTION with a refresh",
            "Begin the file with `-- meshmigrate: no-transaction`",
        ),
        (
            "ALTER SUBSCRIPTION s DROP PUBLICATION p",
            "ALTER SUBSCRIPTION with a refresh",
            "Begin the file with `-- meshmigrate: no-transaction`",
        ),
    ],
)
def test_what_cannot_be_journalled_is_refused_by_name(text: str, form: str, hint: str) -> None:
    """A statement that no transaction can hold, and no look-up settle, is known before."""
    with pytest.raises(Refusal, match=f"^m/1_x.sql:1:1: {form} cannot run inside") as caught:
        prepare(Script(ScriptKind.MIGRATION, "m/1_x.sql", text))
    assert caught.value.reason is Reason.NON_TRANSACTIONAL
    assert caught.value.hint.startswith(hint)


def test_a_file_without_transactions_still_has_no_transaction_control() -> None:
    """COMMIT as a statement of the file has nothing to end, and would hide a mistake."""
    directive = "-- meshmigrate: no-transaction\n"
    for text in ("BEGIN", "COMMIT"):
        with pytest.raises(Refusal) as caught:
            prepare(make_script(ScriptKind.MIGRATION, "m/1_x.sql", directive + text))
        assert caught.value.reason is Reason.TRANSACTION_CONTROL


def test_a_body_that_commits_is_told_of_the_directive() -> None:
    """The hint names the way."""
    with pytest.raises(Refusal, match="begin the file with `-- meshmigrate: no-transaction`"):
        prepare(Script(ScriptKind.MIGRATION, "m/1_x.sql", "DO $$ BEGIN COMMIT; END $$"))


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TYPE mood ADD VALUE 'sad'",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "REINDEX TABLE t",
        "REINDEX (CONCURRENTLY off) TABLE t",
        "CLUSTER t USING i",
        "ANALYZE",
        "TRUNCATE t",
        "CREATE EXTENSION citext",
        "ALTER TABLE t DETACH PARTITION p",
        "ALTER TABLE t DETACH PARTITION p FINALIZE",
        "ALTER TABLE t SET TABLESPACE x",
        "ALTER DATABASE d SET work_mem = '1MB'",
        "ALTER DATABASE d WITH CONNECTION LIMIT 3",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot = 0)",
        "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = off)",
        "ALTER SUBSCRIPTION s DISABLE",
        "DROP SUBSCRIPTION s",
        "COPY t FROM '/srv/data.csv'",
        "COPY t FROM PROGRAM 'cat'",
        "DISCARD TEMP",
        "SET ROLE app",
        "SET search_path = ''",
        "SELECT pg_advisory_lock(1)",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'",
        "CREATE FUNCTION f() RETURNS bool RETURN pg_advisory_unlock(1)",
        "DO $$ BEGIN PERFORM 'COMMIT;'; /* COMMIT; */ END $$",
        "DO $$ DECLARE commit int; BEGIN commit := 1; END $$",
        "DO $$ not understood here; COMMIT; $$",
        "DO LANGUAGE plpython3u 'plpy.commit()'",
        "NOTIFY pgrst, 'reload schema'",
    ],
)
def test_what_a_transaction_can_hold_is_allowed(text: str) -> None:
    """Only what must be refused is, and what cannot be known here is the server's to refuse."""
    assert reason_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE t ()",
        "DO $$ BEGIN END $$",
        "SELECT 1 INTO t",
        "WITH gone AS (DELETE FROM t RETURNING id) SELECT true FROM gone",
        "SET ROLE app",
        "VACUUM t",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
    ],
)
def test_a_check_only_reads(text: str) -> None:
    """A check is made of SELECTs that write nothing."""
    assert reason_of(text, ScriptKind.CHECK) is Reason.INVALID_CHECK


@pytest.mark.parametrize(
    "text",
    ["SELECT true", "WITH a AS (SELECT 1) SELECT count(*) > 0 FROM a; VALUES (true)", "TABLE ok"],
)
def test_a_check_that_reads_is_allowed(text: str) -> None:
    """Every form of SELECT is a check."""
    assert reason_of(text, ScriptKind.CHECK) is None


def test_the_first_thing_wrong_in_a_file_is_the_one_reported() -> None:
    """A forbidden statement is named before a syntax error that comes behind it."""
    assert reason_of("SELECT 1;\nCOMMIT;\nSELCT 2;") is Reason.TRANSACTION_CONTROL
    assert reason_of("SELCT 2;\nCOMMIT;") is Reason.SYNTAX_ERROR


def test_a_refusal_says_where_what_why_and_what_to_do() -> None:
    """The message can be acted on without looking anything up."""
    with pytest.raises(Refusal) as caught:
        prepare(Script(ScriptKind.MIGRATION, "migrations/001_x.sql", "SELECT 'é';\n  COMMIT;"))
    assert str(caught.value) == (
        "migrations/001_x.sql:2:3: COMMIT would end or divide the transaction that holds the file "
        "and its history row together. Remove it: each file runs in one transaction of its own."
    )
    assert caught.value.statement == "COMMIT"
