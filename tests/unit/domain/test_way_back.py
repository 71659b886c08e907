"""Whether a run can be taken back is known before its first statement."""

import pytest
from msgspec.structs import replace

from meshmigrate.domain.directive import Directive, Word
from meshmigrate.domain.errors import Location
from meshmigrate.domain.script import Migration, Script, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.domain.way_back import Pending, Way, ways_back, whole
from meshmigrate.sql.prepare import prepare


def pending(version: str, up: str, down: str | None = None, *, steps: bool = False) -> Pending:
    """Give a file that waits to be applied."""
    script = Script(ScriptKind.MIGRATION, f"m/{version}.sql", up)
    rollback = None if down is None else Script(ScriptKind.ROLLBACK, f"r/{version}.sql", down)
    return Pending(
        Migration(Version(version), "m", script, rollback),
        prepare(script),
        rollback=prepare(rollback) if rollback else (),
        steps_at=Location(script.file) if steps else None,
    )


def way(*files: Pending) -> Way:
    """Give how the last of these files is taken back by itself."""
    return ways_back(files)[-1].way


TYPE = "ALTER TABLE a ALTER b TYPE"
REMADE = "ALTER TYPE e RENAME TO old; CREATE TYPE e AS ENUM ('a'); DROP TYPE old"


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        ("CREATE TABLE a (x int)", None, Way.NO_SCRIPT),
        ("CREATE TABLE a (x int)", "DROP TABLE a", Way.SCRIPT_UNVERIFIED),
        ("DELETE FROM a", "SELECT 1", Way.DATA_LOSS),
        ("DELETE FROM a", None, Way.NO_SCRIPT),
        ("ALTER TYPE e ADD VALUE 'b'", "SELECT 1", Way.IRREVERSIBLE),
        ("ALTER TYPE e ADD VALUE 'b'", REMADE, Way.SCRIPT_UNVERIFIED),
        ("ALTER TYPE e ADD VALUE 'b'; DELETE FROM a", "SELECT 1", Way.IRREVERSIBLE),
        ("CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'b'", "x", Way.SCRIPT_UNVERIFIED),
        ("CREATE TABLE a (x int); DELETE FROM a", "DROP TABLE a", Way.SCRIPT_UNVERIFIED),
        ("ALTER TABLE a ADD b int; UPDATE a SET b = 1", "x", Way.SCRIPT_UNVERIFIED),
        ("ALTER TABLE a ADD b int; UPDATE a SET b = 1, c = 2", "x", Way.DATA_LOSS),
        (f"{TYPE} bigint", f"{TYPE} int", Way.SCRIPT_UNVERIFIED),
        (f"{TYPE} int", f"{TYPE} bigint", Way.DATA_LOSS),
        (f"{TYPE} varchar(9)", f"{TYPE} varchar(5) USING left(b, 5)", Way.SCRIPT_UNVERIFIED),
        (f"{TYPE} varchar(9)", f"{TYPE} varchar(5)", Way.SCRIPT_UNVERIFIED),
        (f"{TYPE} bigint USING 0", f"{TYPE} int", Way.DATA_LOSS),
        (f"{TYPE} bigint[]", f"{TYPE} int[]", Way.DATA_LOSS),
        (f"{TYPE} bigint", "SELECT 1", Way.DATA_LOSS),
        ("CREATE TEMP TABLE t (x int); DELETE FROM t", "x", Way.SCRIPT_UNVERIFIED),
        ("CREATE TABLE n (x int); ALTER TABLE a RENAME TO n2; DROP TABLE n2", "x", Way.DATA_LOSS),
        (
            "CREATE TABLE a (x int); DROP TABLE a; ALTER TABLE b RENAME TO a; DROP TABLE a",
            "x",
            Way.DATA_LOSS,
        ),
        ("CREATE TABLE s.a (x int); DELETE FROM a", "x", Way.DATA_LOSS),
    ],
)
def test_a_version_is_judged_by_its_text(up: str, down: str | None, expected: Way) -> None:
    """What the run itself has created has no data to lose; an enum value stays for ever."""
    assert way(pending("1", up, "SELECT 1" if down == "x" else down)) is expected


def test_a_rollback_script_that_calls_itself_irreversible_is_believed() -> None:
    """With the reason that it gives."""
    plain = pending("1", "SELECT 1", "SELECT 1")
    directive = Directive(Word.IRREVERSIBLE, "partners were told", Location("r/1.sql", 1, 1))
    rollback = Script(ScriptKind.ROLLBACK, "r/1.sql", "SELECT 1", (directive,))
    migration = replace(plain.migration, rollback=rollback)
    (back,) = ways_back([replace(plain, migration=migration)])
    assert back.way is Way.IRREVERSIBLE
    assert back.why == "its rollback script says so: partners were told"


def test_what_an_earlier_file_of_the_run_created_has_no_data_to_lose() -> None:
    """Nor if it was a column; but a temporary table is gone at the end of its file."""
    first = pending("1", "CREATE TABLE a (x int); CREATE TEMP TABLE t (x int)", "DROP TABLE a")
    assert way(first, pending("2", "DELETE FROM a", "SELECT 1")) is Way.SCRIPT_UNVERIFIED
    assert way(first, pending("2", "DELETE FROM t", "SELECT 1")) is Way.DATA_LOSS


def test_what_a_transaction_undoes_needs_no_script() -> None:
    """Whatever it does."""
    files = [pending("1", "DELETE FROM a"), pending("2", "DROP TABLE b")]
    (first, second) = ways_back(files, undone=[Version("2")])
    assert (first.way, second.way) == (Way.NO_SCRIPT, Way.TRANSACTIONAL)
    assert (first.losses, second.losses) == (("rows of a, deleted",), ())


@pytest.mark.parametrize(
    ("downs", "expected"),
    [
        ([], Way.TRANSACTIONAL),
        (["SELECT 1", "SELECT 1"], Way.SCRIPT_UNVERIFIED),
        (["SELECT 1", None], Way.NO_SCRIPT),
    ],
)
def test_a_run_is_as_good_as_its_worst_version(downs: list[str | None], expected: Way) -> None:
    """One that cannot be taken back stops all before it."""
    ways = ways_back([pending(str(n), "SELECT 1", down) for n, down in enumerate(downs)])
    found = whole(ways)
    assert found.way is expected
    assert found.way.ready == (expected is not Way.NO_SCRIPT)


def test_the_versions_that_spoil_it_are_named_up_to_three() -> None:
    """The sentence stays short, however many they are."""
    found = whole(ways_back([pending(str(n), "SELECT 1") for n in range(1, 7)]))
    assert found.message.startswith("version 1: it has no rollback script; version 2: ")
    assert found.message.endswith("; and 3 more")
