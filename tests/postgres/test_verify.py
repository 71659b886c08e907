"""``meshmigrate verify``: pairs of scripts proven on a scratch database before they are needed."""

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import STOP_SECONDS, command, environment, run_command

SCRATCH = "SELECT datname FROM pg_database WHERE datname LIKE 'meshmigrate_scratch_%'"


@pytest.fixture(autouse=True)
def _may_make_databases(database: Database) -> None:
    database.query(f"ALTER ROLE {database.role} CREATEDB", superuser=True)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    """End with the test what it has started."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder for temporary files of this test's alone; a socket needs a short path."""
    with tempfile.TemporaryDirectory(prefix="mm") as folder:
        Path(folder).chmod(0o711)  # the server's user has to get through
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def start(database: Database, project: Project, *options: str) -> subprocess.Popen[str]:
    """Start ``meshmigrate verify`` in the project's folder."""
    return subprocess.Popen(
        command("verify", *options),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def verdicts(database: Database, project: Project, *options: str) -> tuple[int, list[str]]:
    """Give the exit code, and the verdict of each file that was looked at."""
    process = start(database, project, "--json", *options)
    out, err = process.communicate(timeout=120)
    assert not err, err
    return process.returncode, [proof["verdict"] for proof in json.loads(out)["proofs"]]


def with_history(database: Database, project: Project) -> None:
    """Bring the database to a version that the pending files build on."""
    project.migration("1", "CREATE TABLE users (id int PRIMARY KEY, name text)", "DROP TABLE users")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    database.query("INSERT INTO users VALUES (1, 'ann')")


def test_pairs_that_keep_their_promise_are_proven_and_nothing_is_left(
    database: Database, project: Project
) -> None:
    """Also those that no transaction can hold; the target and its server are as before."""
    with_history(database, project)
    before = database.dump()
    project.migration("2", "ALTER TABLE users ADD mail text", "ALTER TABLE users DROP mail")
    project.migration(
        "3",
        "CREATE INDEX CONCURRENTLY users_mail ON users (mail)",
        "DROP INDEX CONCURRENTLY users_mail",
    )
    project.migration("4", "CREATE VIEW mails AS SELECT mail FROM users", "DROP VIEW mails")
    assert verdicts(database, project) == (0, ["Proven", "Proven", "Proven"])
    assert database.dump() == before
    assert database.versions == ["1"]
    assert database.query(SCRATCH) == []


def test_a_rollback_script_that_leaves_something_behind_is_a_lie(
    database: Database, project: Project
) -> None:
    """The object is named, the exit code is 11, and what builds on the file is not looked at."""
    with_history(database, project)
    project.migration("2", "CREATE TABLE a (x int); CREATE TABLE b (x int)", "DROP TABLE a")
    project.migration("3", "CREATE TABLE c (x int)", "DROP TABLE c")
    process = start(database, project)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 11
    assert "DownDiffers" in out
    assert "public.b was not there before" in err
    assert "1 more not verified" in err
    assert database.query(SCRATCH) == []


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        ("ALTER TABLE users ADD mail text", "ALTER TABLE users DROP gone", "DownFailed"),
        ("ALTER TABLE nowhere ADD mail text", "SELECT 1", "UpFailed"),
        (
            "CREATE TABLE IF NOT EXISTS kept (x int); CREATE INDEX ON kept (x)",
            "DROP TABLE kept; CREATE TABLE kept (x int, y int); DROP TABLE kept",
            "Proven",
        ),
        ("ALTER TABLE users ADD mail text", None, "NoScript"),
        ("DELETE FROM users", "-- meshmigrate: irreversible rows are gone", "Irreversible"),
    ],
)
def test_each_way_to_end_has_a_word(
    database: Database, project: Project, up: str, down: str | None, expected: str
) -> None:
    """Failing scripts are lies; no script, or an honest one, is none."""
    with_history(database, project)
    project.migration("2", up, down)
    code, found = verdicts(database, project)
    assert found == [expected]
    assert code == (11 if expected.endswith("Failed") else 0)


def test_what_fails_is_for_the_script_and_not_the_database(
    database: Database, project: Project
) -> None:
    """On a scratch database nothing has to be mended but the script."""
    with_history(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE gone")
    done = run_command(database, project.root, "verify")
    assert done.returncode == 11
    assert "next: Correct the script, and verify again" in done.stderr


def test_a_file_that_cannot_go_up_twice_is_found(database: Database, project: Project) -> None:
    """What the rollback script leaves where no fingerprint looks can be in the way."""
    with_history(database, project)
    database.query("CREATE SEQUENCE turn")
    up = "DO $$ BEGIN EXECUTE format('CREATE TABLE t_%s (x int)', nextval('turn')); END $$"
    down = "DO $$ BEGIN EXECUTE format('DROP TABLE t_%s', currval('turn')); END $$"
    project.migration("2", up, down.replace("currval('turn')", "(SELECT last_value FROM turn)"))
    assert verdicts(database, project) == (11, ["UpAgainDiffers"])


def test_a_file_that_fails_the_second_time_is_found(database: Database, project: Project) -> None:
    """It went up and came back, and could not be applied again after that."""
    with_history(database, project)
    database.query("CREATE SEQUENCE turn")
    project.migration("2", "SELECT 1 / (2 - nextval('turn'))", "SELECT 1")
    assert verdicts(database, project) == (11, ["UpAgainFailed"])


def test_a_schema_that_the_role_may_not_read_is_refused(
    database: Database, project: Project
) -> None:
    """With the table that pg_dump names, and no scratch database is left."""
    with_history(database, project)
    database.query("CREATE TABLE closed (x int)", superuser=True)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    done = run_command(database, project.root, "verify")
    assert done.returncode == 10
    assert "pg_dump cannot read the schema" in done.stderr
    assert "closed" in done.stderr
    assert database.query(SCRATCH) == []


def test_without_the_right_to_make_a_database_it_is_refused(
    database: Database, project: Project
) -> None:
    """And says how to grant it, or what to use instead."""
    with_history(database, project)
    database.query(f"ALTER ROLE {database.role} NOCREATEDB", superuser=True)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    process = start(database, project)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 10
    assert "CREATEDB" in err
    assert "--scratch-url-file" in err


def test_what_a_killed_process_left_is_removed_by_the_next(
    database: Database, project: Project, cleanup: ExitStack
) -> None:
    """A scratch database that is in use stays."""
    with_history(database, project)
    project.migration("2", "SELECT pg_sleep(60)", "SELECT 1")
    killed, in_use = start(database, project), start(database, project)
    cleanup.callback(killed.kill)
    cleanup.callback(in_use.kill)
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    eventually(lambda: len(database.query(sleeping)) == 2, "both sleep in their scratch databases")
    assert len(database.query(SCRATCH)) == 2
    killed.kill()
    killed.communicate()
    eventually(lambda: len(database.query(sleeping)) == 1, "the server has noticed")
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert verdicts(database, project) == (0, ["Proven"])
    assert len(database.query(SCRATCH)) == 1
    in_use.send_signal(signal.SIGTERM)
    in_use.communicate(timeout=STOP_SECONDS)
    assert in_use.returncode == 30
    assert database.query(SCRATCH) == []


def test_another_server_can_hold_the_scratch_database(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Named in a file; here it is another database of the same server."""
    with_history(database, project)
    project.migration("2", "ALTER TABLE users ADD mail text", "ALTER TABLE users DROP mail")
    file = tmp_path / "scratch-url"
    file.write_text(database.url.replace(f"/{database.name}?", "/postgres?"))
    assert verdicts(database, project, "--scratch-url-file", str(file)) == (0, ["Proven"])


def test_nothing_pending_is_nothing_to_verify(database: Database, project: Project) -> None:
    """No scratch database is made for it."""
    with_history(database, project)
    assert verdicts(database, project) == (0, [])


@pytest.mark.parametrize("place", ["migrations", "rollbacks"])
@pytest.mark.parametrize("what", ["DATABASE", "ROLE"])
def test_what_reaches_beyond_the_database_is_refused_and_not_tried(
    database: Database, project: Project, place: str, what: str
) -> None:
    """A scratch database would not keep it: it would be done for real."""
    project.migration("1", "SELECT 1", "SELECT 1")
    project.write(f"{place}/1_m.sql", f"SELECT 1;\nCREATE {what} {database.name}_x")
    process = start(database, project)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 10
    assert err.startswith(f"{place}/1_m.sql:2:1: ")
    assert f"CREATE {what} changes more than this database" in err
    assert database.query(SCRATCH) == []
    assert not database.query("SELECT FROM pg_roles WHERE rolname = %s", f"{database.name}_x")


def test_what_is_proven_is_known_to_the_next_run(database: Database, project: Project) -> None:
    """RollbackReady says ScriptVerified, as long as neither script is edited."""
    with_history(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("3", "CREATE TABLE b (x int)", "DROP TABLE b")
    assert readiness(database, project) == ("ScriptUnverified", ["ScriptUnverified"])
    process = start(database, project, "--json")
    out, err = process.communicate(timeout=120)
    assert not err, err
    assert json.loads(out)["kept"] == 2
    assert database.log[-2:] == [("Verified", "2"), ("Verified", "3")]
    assert readiness(database, project) == ("ScriptVerified", ["ScriptVerified"])
    project.write("rollbacks/2_m.sql", "DROP TABLE a; -- edited")
    assert readiness(database, project) == ("ScriptUnverified", ["ScriptUnverified"])
    project.write("rollbacks/2_m.sql", "DROP TABLE a")
    project.migration("3", "SELECT 1/0")
    done = attempt(database, make_spec(project))
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.result.rollback_ready is not None
    assert done.result.rollback_ready.reason == "ScriptVerified"


def readiness(database: Database, project: Project) -> tuple[str, list[str]]:
    """Give what the plan says of the run, and of its files but the last."""
    found = json.loads(run_command(database, project.root, "plan", "--json").stdout)
    files = [file["rollback"]["reason"] for file in found["pending"]]
    return found["rollbackReady"]["reason"], files[:-1]


def test_where_there_is_no_ledger_none_is_made_for_the_proofs(
    database: Database, project: Project
) -> None:
    """And it says so."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    done = run_command(database, project.root, "verify")
    assert done.returncode == 0
    assert "not kept as proven: the database has no ledger yet" in done.stderr
    assert not database.has_ledger


def test_on_request_nothing_is_kept(database: Database, project: Project) -> None:
    """The database is only read then."""
    with_history(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    before = database.log
    assert verdicts(database, project, "--no-keep") == (0, ["Proven"])
    assert database.log == before


def test_a_proof_that_cannot_be_kept_is_a_proof_all_the_same(
    database: Database, project: Project
) -> None:
    """A role that may only read the ledger says why it was not kept."""
    with_history(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    database.query("REVOKE INSERT ON meshmigrate.verified FROM app")
    done = run_command(database, project.root, "verify")
    assert done.returncode == 0, done.stderr
    assert "not kept as proven: " in done.stderr
    assert "permission denied for table verified" in done.stderr


def test_an_embedded_server_can_hold_the_scratch_database(
    database: Database, project: Project, temporary: Path
) -> None:
    """The role needs no right to make one; it has the roles that scripts name, and is gone."""
    with_history(database, project)
    database.query(f"ALTER ROLE {database.role} NOCREATEDB", superuser=True)
    project.migration(
        "2",
        "ALTER TABLE users ADD mail text; GRANT SELECT ON users TO app",
        "ALTER TABLE users DROP mail; REVOKE SELECT ON users FROM app",
    )
    found = verdicts(database, project, "--scratch-embedded", "--role", database.role)
    assert found == (0, ["Proven"])
    assert not list(temporary.iterdir())


@pytest.mark.one_version
def test_an_embedded_server_whose_process_was_killed_is_removed_by_the_next(
    database: Database, project: Project, temporary: Path, cleanup: ExitStack
) -> None:
    """Its folder and its processes."""
    with_history(database, project)
    project.migration("2", "SELECT pg_sleep(60)", "SELECT 1")
    killed = start(database, project, "--scratch-embedded")
    cleanup.callback(killed.kill)
    left = eventually(lambda: embedded_servers(temporary), "its server runs")
    killed.kill()
    killed.communicate()
    assert embedded_servers(temporary) == left
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert verdicts(database, project, "--scratch-embedded") == (0, ["Proven"])
    assert not list(temporary.iterdir())


def embedded_servers(temporary: Path) -> set[Path]:
    """Give the sockets of the embedded servers that run."""
    return set(temporary.glob("meshmigrate-scratch-*/data/.s.PGSQL.5432"))
