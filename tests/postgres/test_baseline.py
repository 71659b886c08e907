"""``meshmigrate baseline``: a database older than its history gets one, and nothing is run."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.baseline import decide_baseline
from meshmigrate.engine.declare import declare
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.harness import Attempt, Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import command, environment

FAILS_IF_RUN = "SELECT 1/0"


def baseline(database: Database, project: Project, to: str) -> Attempt:
    """Declare the versions up to this one in this process."""
    start = partial(declare, decide=decide_baseline)
    return attempt(database, make_spec(project, target=to), start=start)


def start_baseline(database: Database, project: Project, *options: str) -> subprocess.Popen[str]:
    """Start ``meshmigrate baseline`` in the project's folder."""
    return subprocess.Popen(
        command("baseline", *options),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def three_versions(project: Project) -> None:
    """Write two versions that must never be run, and one that must."""
    project.migration("1", FAILS_IF_RUN, "DROP TABLE a").migration("2", FAILS_IF_RUN)
    project.migration("3", "CREATE TABLE c (x int)")


def test_what_is_declared_is_never_run_and_apply_goes_on_after_it(
    database: Database, project: Project
) -> None:
    """The history says how, the rollback script is kept, and the rest follows."""
    three_versions(project)
    done = baseline(database, project, "2").result
    assert (done.outcome, done.current_version, done.pending_count) == (Outcome.SUCCEEDED, "2", 0)
    assert "2 versions" in done.message
    assert done.applied.count == 0
    assert attempt(database, make_spec(project)).result.applied.last == "3"
    assert database.query(
        "SELECT version, how, duration = interval '0', rollback_checksum IS NOT NULL "
        "FROM meshmigrate.applied ORDER BY ordinal"
    ) == [
        ("1", "baseline", True, True),
        ("2", "baseline", True, False),
        ("3", "applied", False, False),
    ]
    assert database.scalar("SELECT count(*) FROM meshmigrate.script WHERE kind = 'rollback'") == 1


def test_a_baseline_is_a_run_of_its_own_with_a_result_and_log_rows(
    database: Database, project: Project
) -> None:
    """Who did it and when can be read later; the lease is free again."""
    three_versions(project)
    done = baseline(database, project, "2").result
    assert database.log == [
        ("LedgerUpgraded", None),
        ("Baselined", "1"),
        ("Baselined", "2"),
        ("Finished", None),
    ]
    assert database.query(
        "SELECT id::text, outcome, actor, fingerprint_before = fingerprint_after "
        "FROM meshmigrate.run"
    ) == [(done.run_id, "Succeeded", "ci", True)]
    assert database.scalar("SELECT holder IS NULL FROM meshmigrate.lease")
    assert database.lock_holders() == []


def test_a_repeated_baseline_changes_nothing(database: Database, project: Project) -> None:
    """Also when apply has gone on since: a container that starts again may say both again."""
    three_versions(project)
    baseline(database, project, "2")
    before = database.log
    assert baseline(database, project, "2").outcome is Outcome.UP_TO_DATE
    attempt(database, make_spec(project))
    assert baseline(database, project, "2").outcome is Outcome.UP_TO_DATE
    assert database.log[: len(before)] == before
    assert database.scalar("SELECT count(*) FROM meshmigrate.applied WHERE how = 'baseline'") == 2


def test_a_history_is_not_declared_over(database: Database, project: Project) -> None:
    """Refused with what is there and what to do, and the history stays."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project))
    project.migration("2", FAILS_IF_RUN)
    before = database.dump()
    done = baseline(database, project, "2").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.HISTORY_NOT_EMPTY)
    assert "1 version, up to 1" in done.message
    assert done.failure is not None
    assert "meshmigrate apply" in done.failure.hint
    assert (database.versions, database.dump()) == (["1"], before)


def test_another_baseline_is_refused(database: Database, project: Project) -> None:
    """A longer one, a shorter one, and one of files that were edited since."""
    three_versions(project)
    baseline(database, project, "2")
    for other in ("1", "3", "latest"):
        assert baseline(database, project, other).result.reason == Reason.HISTORY_NOT_EMPTY
    project.migration("1", "SELECT 'edited'")
    assert baseline(database, project, "2").result.reason == Reason.CHECKSUM_MISMATCH
    assert database.versions == ["1", "2"]


@pytest.mark.parametrize("target", ["4", "0", "", "two", "-1", "1_m"])
def test_a_version_that_is_not_in_the_source_is_refused(
    database: Database, project: Project, target: str
) -> None:
    """Refused, and not even a ledger is made."""
    three_versions(project)
    done = baseline(database, project, target).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNKNOWN_TARGET)
    assert not database.has_ledger


def test_an_unfinished_run_must_end_first(database: Database, project: Project) -> None:
    """Its way back or forward is decided by what the history says, so that must not change."""
    three_versions(project)
    baseline(database, project, "1")
    database.query("DELETE FROM meshmigrate.applied")
    database.query("UPDATE meshmigrate.run SET finished_at = NULL, outcome = NULL")
    done = baseline(database, project, "2").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.RUN_UNFINISHED)
    assert database.versions == []


def test_two_at_once_declare_once(database: Database, project: Project) -> None:
    """The second one waits for the lock and finds nothing to do."""
    three_versions(project)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(baseline, database, project, "2") for _ in range(4)]
    outcomes = sorted(done.result().outcome for done in running)
    assert outcomes == [Outcome.SUCCEEDED] + [Outcome.UP_TO_DATE] * 3
    assert [event for event, _ in database.log].count("Baselined") == 2


def test_killed_before_it_commits_nothing_is_declared(database: Database, project: Project) -> None:
    """The ledger is there, its rows are not; the next one declares them all."""
    three_versions(project)
    baseline(database, project, "2")
    database.query("TRUNCATE meshmigrate.applied")
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM meshmigrate.log_head FOR UPDATE")
        process = start_baseline(database, project, "--to=2")
        eventually(database.waits_for_row, "waits for the end of the log")
        process.kill()
        process.communicate()
        eventually(lambda: not database.lock_holders(), "the server ends the session")
        other.execute("ROLLBACK")
    assert database.versions == []
    assert database.scalar("SELECT count(*) FROM meshmigrate.run WHERE finished_at IS NULL") == 0
    assert baseline(database, project, "2").outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_the_command_waits_for_the_lock_and_gives_json(
    database: Database, project: Project
) -> None:
    """One line of JSON on the output, the exit code of apply."""
    three_versions(project)
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        late = start_baseline(database, project, "--to=2", "--json", "--acquire-timeout=0.2")
        output, errors = late.communicate(timeout=30)
    assert (late.returncode, errors) == (31, "")
    assert json.loads(output)["reason"] == Reason.ADVISORY_LOCK_TIMEOUT
    assert not database.has_ledger
    done = start_baseline(database, project, "--to=2", "--json", "--actor=ada")
    output, _ = done.communicate(timeout=30)
    assert (done.returncode, json.loads(output)["outcome"]) == (0, "Succeeded")
    assert database.scalar("SELECT actor FROM meshmigrate.run") == "ada"


def test_the_command_tells_a_person_what_to_do(database: Database, project: Project) -> None:
    """A refusal is two lines on the error output, and exit 10; a missing option is exit 2."""
    three_versions(project)
    refused = start_baseline(database, project, "--to=7")
    _, errors = refused.communicate(timeout=30)
    assert refused.returncode == 10
    assert "next: Give the last version" in errors
    usage = start_baseline(database, project)
    _, errors = usage.communicate(timeout=30)
    assert (usage.returncode, "--to" in errors) == (2, True)


def test_a_role_that_may_not_make_a_ledger_is_told(database: Database, project: Project) -> None:
    """PermissionDenied, before anything is declared."""
    three_versions(project)
    database.query(f'ALTER DATABASE "{database.name}" OWNER TO postgres', superuser=True)
    done = baseline(database, project, "2").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)
    with pytest.raises(psycopg.errors.UndefinedTable):
        database.query("SELECT 1 FROM meshmigrate.applied")
