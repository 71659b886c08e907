"""Bad input: refused with a reason and a next step, and nothing changed in the database."""

import shutil

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from tests.postgres.harness import PASSWORD, Database, Project, attempt, make_spec

pytestmark = pytest.mark.one_version  # what is refused is never sent to the server

BAD_FILES: dict[str, tuple[dict[str, str | bytes], Reason]] = {
    "two files with one number": (
        {"migrations/01_a.sql": "SELECT 1", "migrations/1_b.sql": "SELECT 1"},
        Reason.DUPLICATE_VERSION,
    ),
    "not UTF-8": ({"migrations/1_a.sql": b"SELECT '\xff'"}, Reason.INVALID_ENCODING),
    "syntax error": ({"migrations/1_a.sql": "SELECT 1;\nSELEKT 2;"}, Reason.SYNTAX_ERROR),
    "syntax error in a rollback script": (
        {"migrations/1_a.sql": "SELECT 1", "rollbacks/1_a.sql": "DROP"},
        Reason.SYNTAX_ERROR,
    ),
    "syntax error in a check": (
        {"migrations/1_a.sql": "SELECT 1", "checks/always_c.sql": "SELECT ("},
        Reason.SYNTAX_ERROR,
    ),
    "COMMIT": ({"migrations/1_a.sql": "SELECT 1; COMMIT;"}, Reason.TRANSACTION_CONTROL),
    "psql meta-command": (
        {"migrations/1_a.sql": "SELECT 1;\n\\i other.sql\n"},
        Reason.PSQL_META_COMMAND,
    ),
    "COPY FROM STDIN": (
        {"migrations/1_a.sql": "CREATE TABLE a (x int); COPY a FROM STDIN;"},
        Reason.COPY_FROM_STDIN,
    ),
    "cannot run in a transaction": (
        {"migrations/1_a.sql": "CREATE INDEX CONCURRENTLY ON a (x)"},
        Reason.NON_TRANSACTIONAL,
    ),
    "gives the lock away": (
        {"migrations/1_a.sql": "SELECT pg_advisory_unlock_all()"},
        Reason.SESSION_CONTROL,
    ),
    "orphan rollback": (
        {"migrations/1_a.sql": "SELECT 1", "rollbacks/2_b.sql": "SELECT 1"},
        Reason.ORPHAN_SCRIPT,
    ),
    "file name": ({"migrations/users.sql": "SELECT 1"}, Reason.INVALID_FILE_NAME),
    "empty source": ({"migrations/readme.txt": "nothing"}, Reason.EMPTY_SOURCE),
}


def assert_acts_as_refusal(result: Result, reason: Reason) -> None:
    """Require what every refusal has: what, why and what to do next."""
    assert result.outcome is Outcome.REFUSED
    assert result.outcome.exit_code == 10
    assert result.reason == reason
    assert result.failure is not None
    assert result.failure.message
    assert result.failure.hint


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_and_nothing_changes(
    database: Database, project: Project, name: str
) -> None:
    """Not even the ledger is created for a run that is refused."""
    files, reason = BAD_FILES[name]
    for path, text in files.items():
        project.write(path, text)
    before = database.dump()
    assert_acts_as_refusal(attempt(database, make_spec(project)).result, reason)
    assert database.dump() == before
    assert not database.has_ledger


def test_a_good_file_before_a_bad_one_is_not_applied(database: Database, project: Project) -> None:
    """Every pending file is read before the first one is run."""
    project.migration("1", "CREATE TABLE a (x int)").migration("2", "CREATE TABEL b (x int)")
    done = attempt(database, make_spec(project)).result
    assert_acts_as_refusal(done, Reason.SYNTAX_ERROR)
    assert done.failure is not None
    assert (done.failure.file, done.failure.line, done.failure.column) == (
        "migrations/2_m.sql",
        1,
        8,
    )
    assert not database.has_ledger


def test_a_missing_folder_is_refused(database: Database, project: Project) -> None:
    """A ConfigMap that is not there, or a mistyped folder."""
    shutil.rmtree(project.root / "migrations")
    done = attempt(database, make_spec(project)).result
    assert_acts_as_refusal(done, Reason.SOURCE_UNREADABLE)


def test_a_wrong_password_is_refused(database: Database, project: Project) -> None:
    """It would be wrong again in a minute, so it is not retried."""
    project.migration("1", "SELECT 1")
    url = database.url_with("wrong")
    done = attempt(database, make_spec(project), url=url).result
    assert_acts_as_refusal(done, Reason.AUTHENTICATION_FAILED)


def test_an_unreachable_server_is_worth_another_attempt(
    database: Database, project: Project
) -> None:
    """Nobody listens: the outcome is Unreachable, exit code 32."""
    project.migration("1", "SELECT 1")
    url = database.url.replace(f":{database.server.port}/", ":1/")
    done = attempt(database, make_spec(project), url=url).result
    assert done.outcome is Outcome.UNREACHABLE
    assert done.outcome.exit_code == 32
    assert done.outcome.retryable


def test_a_server_without_tls_is_refused_unless_the_url_allows_it(
    database: Database, project: Project
) -> None:
    """The default is verify-full, and the hint says how to decide otherwise."""
    project.migration("1", "SELECT 1")
    url = database.url.removesuffix("?sslmode=disable")
    done = attempt(database, make_spec(project), url=url).result
    assert_acts_as_refusal(done, Reason.TLS_FAILED)
    assert done.failure is not None
    assert "sslmode" in done.failure.hint


def test_special_characters_in_a_password_need_no_escaping(
    database: Database, project: Project
) -> None:
    """`p@ss#w0rd%/:` works as written, as nothing else it could mean makes sense."""
    project.migration("1", "SELECT 1")
    done = attempt(database, make_spec(project), url=database.url_with(PASSWORD)).result
    assert done.outcome is Outcome.SUCCEEDED


def test_an_edited_file_is_refused(database: Database, project: Project) -> None:
    """Fault 29: history and files go together: nothing is run, the other file neither."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project))
    before = database.dump()
    project.migration("1", "CREATE TABLE a (x bigint)").migration("2", "CREATE TABLE b (x int)")
    done = attempt(database, make_spec(project)).result
    assert_acts_as_refusal(done, Reason.CHECKSUM_MISMATCH)
    assert database.dump() == before


def test_a_missing_file_and_a_late_one_are_refused(database: Database, project: Project) -> None:
    """The history has versions 2 and 3: 2 must be there, and 1 comes too late."""
    project.migration("2", "SELECT 1").migration("3", "SELECT 1")
    attempt(database, make_spec(project))
    project.migration("1", "SELECT 1")
    assert_acts_as_refusal(attempt(database, make_spec(project)).result, Reason.OUT_OF_ORDER)
    project.root.joinpath("migrations/2_m.sql").unlink()
    assert_acts_as_refusal(attempt(database, make_spec(project)).result, Reason.MISSING_FILE)


def test_a_refusal_is_logged_where_there_is_a_ledger(database: Database, project: Project) -> None:
    """Every attempt leaves a row, with its reason, once there is a place for it."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    project.migration("2", "SELEKT")
    attempt(database, make_spec(project))
    rows = database.query("SELECT event, outcome, error_code, script FROM meshmigrate.log")
    assert rows[-1] == ("Refused", "Refused", "SyntaxError", "migrations/2_m.sql")


def test_unknown_and_lower_targets_are_refused(database: Database, project: Project) -> None:
    """A target is a version of the source, and not below the current one."""
    project.migration("1", "SELECT 1").migration("2", "SELECT 1")
    done = attempt(database, make_spec(project, target="7")).result
    assert_acts_as_refusal(done, Reason.UNKNOWN_TARGET)
    done = attempt(database, make_spec(project, target="soon")).result
    assert_acts_as_refusal(done, Reason.UNKNOWN_TARGET)
    attempt(database, make_spec(project))
    done = attempt(database, make_spec(project, target="1")).result
    assert_acts_as_refusal(done, Reason.TARGET_BELOW_CURRENT)
