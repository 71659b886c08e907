"""Whatever is refused, nothing outside the ledger has changed, and the exit code is 10."""

import shutil
from collections.abc import Callable
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import run_command

pytestmark = pytest.mark.one_version  # what is refused is never sent to the server

Change = Callable[[Project], object]


def write(path: str, text: str | bytes) -> Change:
    """Give the change that writes a file."""
    return lambda project: project.write(path, text)


def forget_version_2(project: Project) -> None:
    """Take away the file of a version and its way back."""
    for folder in ("migrations", "rollbacks"):
        project.root.joinpath(folder, "2_m.sql").unlink()


FILES: Final[dict[str, tuple[Change, Reason]]] = {
    "an edited file": (
        write("migrations/2_m.sql", "CREATE TABLE b (x bigint)"),
        Reason.CHECKSUM_MISMATCH,
    ),
    "a missing file": (forget_version_2, Reason.MISSING_FILE),
    "a late file": (write("migrations/1_m.sql", "CREATE TABLE l ()"), Reason.OUT_OF_ORDER),
    "two files of a version": (write("migrations/03_o.sql", "SELECT 1"), Reason.DUPLICATE_VERSION),
    "a name without a number": (write("migrations/x.sql", "SELECT 1"), Reason.INVALID_FILE_NAME),
    "a rollback script of nothing": (write("rollbacks/9_m.sql", "SELECT 1"), Reason.ORPHAN_SCRIPT),
    "an unknown directive": (
        write("migrations/5_m.sql", "-- meshmigrate: faster\nSELECT 1"),
        Reason.INVALID_DIRECTIVE,
    ),
    "a check that writes": (write("checks/4_c.sql", "DELETE FROM b"), Reason.INVALID_CHECK),
    "not UTF-8": (write("migrations/5_m.sql", b"SELECT '\xe9'"), Reason.INVALID_ENCODING),
    "a syntax error behind good files": (
        write("migrations/5_m.sql", "CREATE TABEL c ()"),
        Reason.SYNTAX_ERROR,
    ),
    "a COMMIT": (write("migrations/5_m.sql", "SELECT 1; COMMIT"), Reason.TRANSACTION_CONTROL),
    "a COMMIT in a body": (
        write("migrations/5_m.sql", "DO $$ BEGIN COMMIT; END $$"),
        Reason.TRANSACTION_CONTROL,
    ),
    "the lock given away": (
        write("migrations/5_m.sql", "SELECT pg_advisory_unlock_all()"),
        Reason.SESSION_CONTROL,
    ),
    "a command of psql": (write("migrations/5_m.sql", "\\dt\n"), Reason.PSQL_META_COMMAND),
    "COPY FROM STDIN": (write("migrations/5_m.sql", "COPY b FROM STDIN"), Reason.COPY_FROM_STDIN),
    "a concurrent index without a name": (
        write("migrations/5_m.sql", "CREATE INDEX CONCURRENTLY ON b (x)"),
        Reason.NON_TRANSACTIONAL,
    ),
    "no files at all": (
        lambda project: shutil.rmtree(project.root / "migrations"),
        Reason.SOURCE_UNREADABLE,
    ),
}
COMMANDS: Final[dict[str, tuple[list[str], Reason]]] = {
    "a target that no file has": (["apply", "--target=7"], Reason.UNKNOWN_TARGET),
    "a target below": (["apply", "--target=2"], Reason.TARGET_BELOW_CURRENT),
    "a baseline over a history": (["baseline", "--to=4"], Reason.HISTORY_NOT_EMPTY),
    "a repair of a pending file": (
        ["repair", "--accept=4", "--reason=x"],
        Reason.NOT_APPLIED,
    ),
    "a repair of a good file": (["repair", "--accept=2", "--reason=x"], Reason.NOTHING_TO_REPAIR),
    "nothing to adopt": (["adopt"], Reason.NOTHING_TO_ADOPT),
}


@pytest.fixture
def halfway(database: Database, project: Project) -> Database:
    """Give a database at version 3, with rows in it, and version 4 pending."""
    project.migration("2", "CREATE TABLE b (x int); INSERT INTO b VALUES (1)", "DROP TABLE b")
    project.migration("3", "CREATE INDEX i ON b (x)", "DROP INDEX i")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("4", "CREATE TABLE d (x int)", "DROP TABLE d")
    return database


@pytest.mark.parametrize("name", FILES)
def test_refused_files_leave_everything_as_it_was(
    halfway: Database, project: Project, name: str
) -> None:
    """Faults 29, 30 and 38 among them: the good pending file is not applied either."""
    change, reason = FILES[name]
    change(project)
    before, versions = halfway.dump(), halfway.versions
    done = attempt(halfway, make_spec(project)).result
    assert (done.outcome, done.outcome.exit_code) == (Outcome.REFUSED, 10)
    assert done.reason == reason
    assert done.failure is not None
    assert done.failure.hint
    assert halfway.dump() == before
    assert halfway.versions == versions


@pytest.mark.parametrize("name", COMMANDS)
def test_refused_commands_leave_everything_as_it_was(
    halfway: Database, project: Project, name: str
) -> None:
    """The process ends with code 10 and says the reason."""
    arguments, reason = COMMANDS[name]
    before, versions = halfway.dump(), halfway.versions
    done = run_command(halfway, project.root, *arguments, "--json")
    assert done.returncode == 10, done.stderr
    assert f'"reason":"{reason}"' in done.stdout.replace(": ", ":")
    assert halfway.dump() == before
    assert halfway.versions == versions
