"""A COMMIT that neither the text nor the server gives away: the transaction is another one."""

from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy, TransactionMode
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.proxy import Proxy
from tests.postgres.test_crash import MARK

pytestmark = pytest.mark.one_version  # it is our comparison that counts here

_SAID: Final = b"SELECT 'abcd'"
_MEANT: Final = b"COMMIT; BEGIN"


class Pretender(Proxy):
    """Has the server run something else than it was sent: no statement that we let through can."""

    def altered(self, data: bytes) -> bytes:
        """Put a text of the same length in the place of a statement."""
        return data.replace(_SAID, _MEANT)


@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
@pytest.mark.parametrize(
    "end", ["", MARK.format("behind"), "SELECT 1 / 0;"], ids=["last", "more", "failing"]
)
def test_a_file_that_ended_its_transaction_is_not_recorded(
    database: Database, project: Project, mode: TransactionMode, end: str
) -> None:
    """Its history row would be in another transaction; those of the files before it are there."""
    database.query("CREATE TABLE marks (mark text)")
    project.migration("1", MARK.format("one"))
    project.migration("2", f"{MARK.format('two')}{_SAID.decode()};\n{end}")
    project.migration("3", MARK.format("three"))
    with Pretender(database) as proxy:
        policy = Policy(transaction_mode=mode, on_failure="Halt")
        done = attempt(database, make_spec(project, policy=policy), url=proxy.url).result
    assert done.reason == Reason.TRANSACTION_CONTROL
    assert done.failure is not None
    assert "migrations/2_m.sql ended the transaction it was run in" in done.failure.message
    assert done.outcome is Outcome.HALTED
    assert database.versions == ["1"]
    assert [version for event, version in database.log if event == "Applied"] == database.versions
    assert [mark for (mark,) in database.query("SELECT mark FROM marks")] == ["one", "two"]


@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
def test_a_part_of_the_first_file_that_is_committed_is_not_told_as_nothing(
    database: Database, project: Project, mode: TransactionMode
) -> None:
    """Neither policy takes back what no row tells of: a person is told what is there."""
    database.query("CREATE TABLE marks (mark text)")
    for version, more in (("1", f"{_SAID.decode()};\nSELECT 1 / 0;"), ("2", "")):
        project.migration(version, MARK.format("one") + more, "DELETE FROM marks;")
    with Pretender(database) as proxy:
        policy = Policy(transaction_mode=mode)
        done = attempt(database, make_spec(project, policy=policy), url=proxy.url).result
    assert done.outcome is Outcome.HALTED
    assert done.message == (
        "version 1 failed: migrations/1_m.sql ended the transaction it was run in, and a part of "
        "it is committed; still applied, as a person has to look: a part of version 1 that is not "
        "recorded"
    )
    assert done.failure is not None
    assert done.failure.hint.startswith("Take back what it did until then.")
    assert database.versions == []
    assert [mark for (mark,) in database.query("SELECT mark FROM marks")] == ["one"]


# Read with backslashes, the first two of the INSERTs are one, and what is behind it is SQL.
OTHERWISE: Final = """
INSERT INTO marks VALUES ('1');
INSERT INTO marks VALUES ('2'); INSERT INTO marks VALUES ('3');
INSERT INTO marks VALUES ('4\\');
INSERT INTO marks VALUES ('); COMMIT; BEGIN; INSERT INTO marks VALUES (5) --');
"""


@pytest.mark.parametrize("mode", ["PerFile", "Batch"])
@pytest.mark.parametrize(
    "off",
    [
        "SET standard_conforming_strings = off",
        "SELECT set_config('standard_conforming_' || 'strings', 'off', true)",
    ],
    ids=["set", "config"],
)
def test_a_server_that_would_read_strings_otherwise_is_sent_none_with_a_backslash(
    database: Database, project: Project, mode: TransactionMode, off: str
) -> None:
    """It would find a COMMIT in what is a string to everybody who looks at the file."""
    database.query("CREATE TABLE marks (mark text)")
    project.migration("1", MARK.format("one")).migration("2", off + ";" + OTHERWISE)
    policy = Policy(transaction_mode=mode, on_failure="Halt")
    done = attempt(database, make_spec(project, policy=policy)).result
    assert (done.reason, done.failure and done.failure.line) == (Reason.SESSION_CONTROL, 4)
    assert done.failure is not None
    assert done.failure.column == len("INSERT INTO marks VALUES ('4\\")
    assert database.versions == (["1"] if mode == "PerFile" else [])
    assert database.scalar("SELECT count(*) FROM marks WHERE mark <> 'one'") == 0
