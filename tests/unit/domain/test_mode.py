"""The transaction mode of a run, and why it is that one."""

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.mode import Choice, choose_mode, set_course
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import OnFailure, TransactionMode
from meshmigrate.domain.way_back import Pending, Way
from tests.unit.domain.test_way_back import pending

CREATE = ("CREATE TABLE a (x int)", "DROP TABLE a")
PLAIN = ("SELECT 1", "SELECT 1")
NO_SCRIPT = ("SELECT 1", None)
LOSES = ("DELETE FROM a", "SELECT 1")
INDEX = ("CREATE INDEX CONCURRENTLY i ON t (x)", "DROP INDEX CONCURRENTLY i")
INDEX_ONLY = ("CREATE INDEX CONCURRENTLY i ON t (x)", None)
VALUE = ("ALTER TYPE e ADD VALUE 'it''s'", "SELECT 1")
USE = ("INSERT INTO t VALUES ('it''s')", "SELECT 1")
NEW_TYPE = ("CREATE TYPE e AS ENUM ('a')", None)

Texts = tuple[str, str | None]


def files(*texts: Texts) -> list[Pending]:
    """Give files with these texts, versions from 1."""
    return [
        pending(str(number), up, down, steps="CONCURRENTLY" in up)
        for number, (up, down) in enumerate(texts, 1)
    ]


def choose(
    *texts: Texts, wanted: TransactionMode = "Auto", on_failure: OnFailure = "Rollback"
) -> Choice:
    """Choose the mode for files with these texts."""
    return choose_mode(wanted, files(*texts), on_failure)


@pytest.mark.parametrize(
    ("texts", "mode", "why"),
    [
        ([], "PerFile", "no file"),
        ([NO_SCRIPT], "PerFile", "only one file"),
        ([CREATE, PLAIN], "PerFile", "each file can be taken back by itself"),
        ([CREATE, NO_SCRIPT], "PerFile", "each file can be taken back by itself"),
        ([CREATE, LOSES], "PerFile", "each file can be taken back by itself"),
        ([NO_SCRIPT, PLAIN], "Batch", "version 1 cannot be taken back by itself, as it has no"),
        ([PLAIN, LOSES, PLAIN], "Batch", "version 2 cannot be taken back by itself, as its roll"),
        ([VALUE, PLAIN], "Batch", "version 1 cannot be taken back by itself, as it adds a value"),
        ([INDEX, PLAIN], "PerFile", "each file can be taken back by itself"),
        ([PLAIN, INDEX], "PerFile", "each file can be taken back by itself"),
        ([PLAIN, INDEX_ONLY], "PerFile", "version 2 runs in steps"),
        ([NO_SCRIPT, INDEX], "PerFile", "and one transaction cannot hold all files: version 2 "),
        ([VALUE, USE], "PerFile", "version 2 uses the enum value 'it''s', which version 1 adds"),
        ([NEW_TYPE, VALUE, USE], "Batch", "version 1 cannot be taken back by itself"),
    ],
)
def test_auto_prefers_short_transactions_as_long_as_they_can_be_taken_back(
    texts: list[Texts], mode: str, why: str
) -> None:
    """Otherwise one for all, if one can hold all; the last file's own transaction undoes it."""
    choice = choose(*texts)
    assert choice.mode == mode
    assert why in choice.why


def test_auto_leaves_what_is_applied_where_the_policy_is_to_halt() -> None:
    """A batch would take away what is to stay."""
    choice = choose(NO_SCRIPT, PLAIN, on_failure="Halt")
    assert choice == ("PerFile", "what is applied stays when a file fails, as onFailure is Halt")


def test_what_is_asked_for_is_done() -> None:
    """Whatever Auto would do."""
    assert choose(NO_SCRIPT, PLAIN, wanted="PerFile").mode == "PerFile"
    assert choose(CREATE, PLAIN, wanted="Batch", on_failure="Halt").mode == "Batch"


@pytest.mark.parametrize(
    ("texts", "place", "why"),
    [
        ([PLAIN, INDEX], "m/2.sql", "version 2 runs in steps"),
        ([VALUE, ("SELECT 1;\n " + USE[0], None)], "m/2.sql:2:2", "the enum value 'it''s'"),
        ([VALUE, ("DO $$ BEGIN PERFORM 'it''s'; END $$", None)], "m/2.sql:1:1", "enum value"),
    ],
)
def test_a_batch_that_is_impossible_is_refused_with_its_place(
    texts: list[Texts], place: str, why: str
) -> None:
    """And with what to do instead."""
    with pytest.raises(Refusal) as caught:
        choose(*texts, wanted="Batch")
    assert caught.value.reason is Reason.BATCH_IMPOSSIBLE
    assert str(caught.value.location) == place
    assert why in caught.value.message
    assert "Auto" in caught.value.hint


def test_a_value_that_its_own_file_uses_is_left_to_the_server() -> None:
    """It fails in every mode, and in a batch nothing has been applied then."""
    assert choose((f"{VALUE[0]}; {USE[0]}", None), PLAIN).mode == "Batch"


def test_a_batch_is_undone_by_its_transaction() -> None:
    """Every version of it; file by file only the last one is."""
    these = files(NO_SCRIPT, LOSES, PLAIN)
    batch = set_course(Choice("Batch", ""), these)
    assert {each.way for each in batch.ways} == {Way.TRANSACTIONAL}
    assert batch.rollback.way is Way.TRANSACTIONAL
    each = set_course(Choice("PerFile", ""), these)
    assert [one.way for one in each.ways] == [Way.NO_SCRIPT, Way.DATA_LOSS, Way.TRANSACTIONAL]
    assert each.rollback.way is Way.NO_SCRIPT
