"""``meshmigrate repair``: an edited file is accepted once, by somebody, for a reason."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.version import Version
from meshmigrate.engine.declare import declare
from meshmigrate.engine.repair import Repair
from tests.postgres.harness import Attempt, Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import command, environment

EDITED = "CREATE TABLE public.a (x int)"


def repair(database: Database, project: Project, version: str = "1") -> Attempt:
    """Accept a version in this process."""
    decide = Repair(Version(version), "names qualified", "ada").decide
    return attempt(database, make_spec(project), start=partial(declare, decide=decide))


def edited(database: Database, project: Project) -> tuple[str, str]:
    """Apply two versions, edit the first and its rollback script; give both checksums."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    before = checksum(database)
    project.migration("1", EDITED, "DROP TABLE public.a")
    refused = attempt(database, make_spec(project)).result
    assert refused.reason == Reason.CHECKSUM_MISMATCH
    assert refused.failure is not None
    assert "`meshmigrate repair --accept 1 --reason TEXT`" in refused.failure.hint
    return before, refused.message.rpartition(" ")[2]


def checksum(database: Database) -> str:
    """Give what the history has for version 1."""
    value: str = database.scalar("SELECT checksum FROM meshmigrate.applied WHERE version = '1'")
    return value


def test_the_accepted_file_is_the_history_s_and_apply_goes_on(
    database: Database, project: Project
) -> None:
    """Old and new checksum are shown; the schema is not touched."""
    old, new = edited(database, project)
    before = database.dump()
    done = repair(database, project).result
    assert done.outcome is Outcome.SUCCEEDED
    assert f"checksum {old} becomes {new}" in done.message
    assert checksum(database) == new
    assert database.dump() == before
    project.migration("3", "CREATE TABLE c (x int)")
    assert attempt(database, make_spec(project)).result.applied.last == "3"


def test_the_log_says_who_why_and_what(database: Database, project: Project) -> None:
    """One row with both checksums, the reason and the actor; the run is one of its own."""
    old, new = edited(database, project)
    done = repair(database, project).result
    ((version, script, message, run_id),) = database.query(
        "SELECT version, script, message, run_id::text FROM meshmigrate.log "
        "WHERE event = 'ChecksumAccepted'"
    )
    assert (version, script, run_id) == ("1", "migrations/1_m.sql", done.run_id)
    assert old in message
    assert new in message
    assert message.endswith("accepted by ada: names qualified")
    assert database.scalar("SELECT holder IS NULL FROM meshmigrate.lease")


def test_the_rollback_script_is_taken_over_and_kept_where_the_source_has_none(
    database: Database, project: Project
) -> None:
    """What the ledger keeps is what a way back would run."""
    edited(database, project)
    repair(database, project)
    kept = """
        SELECT s.text FROM meshmigrate.applied AS a
        JOIN meshmigrate.script AS s ON s.checksum = a.rollback_checksum AND s.kind = 'rollback'
        WHERE a.version = '1'
    """
    assert database.scalar(kept) == "DROP TABLE public.a"
    project.migration("1", EDITED + " -- again")
    project.root.joinpath("rollbacks/1_m.sql").unlink()
    assert repair(database, project).outcome is Outcome.SUCCEEDED
    assert database.scalar(kept) == "DROP TABLE public.a"
    project.write("rollbacks/1_m.sql", "DROP TABLE IF EXISTS a")
    done = repair(database, project).result
    assert "rollback script sha256:" in done.message
    assert database.scalar(kept) == "DROP TABLE IF EXISTS a"


def test_the_version_keeps_its_place_run_and_origin(database: Database, project: Project) -> None:
    """Only checksums change, so the order of going back stays."""
    edited(database, project)
    rows = "SELECT version, ordinal, run_id, how, applied_at FROM meshmigrate.applied ORDER BY 1"
    before = database.query(rows)
    repair(database, project)
    assert database.query(rows) == before


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("2", Reason.NOTHING_TO_REPAIR),
        ("3", Reason.NOT_APPLIED),
        ("99", Reason.NOT_APPLIED),
    ],
)
def test_what_needs_no_repair_is_refused_and_nothing_changes(
    database: Database, project: Project, version: str, reason: Reason
) -> None:
    """An unchanged version, one that is not applied, and one that does not exist."""
    edited(database, project)
    project.migration("3", "CREATE TABLE c (x int)")
    before = (database.dump(), database.query("SELECT * FROM meshmigrate.applied ORDER BY 2"))
    done = repair(database, project, version).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert f"version {version} " in done.message
    after = (database.dump(), database.query("SELECT * FROM meshmigrate.applied ORDER BY 2"))
    assert after == before


def test_without_a_ledger_nothing_is_made(database: Database, project: Project) -> None:
    """A database without a history has nothing to repair."""
    project.migration("1", "CREATE TABLE a (x int)")
    assert repair(database, project).result.reason == Reason.NOT_APPLIED
    assert not database.has_ledger


def test_a_lost_file_cannot_be_accepted(database: Database, project: Project) -> None:
    """MissingFile: there is nothing to take a checksum of."""
    edited(database, project)
    for folder in ("migrations", "rollbacks"):
        project.root.joinpath(folder, "1_m.sql").unlink()
    assert repair(database, project).result.reason == Reason.MISSING_FILE


def test_after_an_unfinished_run_apply_comes_first(database: Database, project: Project) -> None:
    """Its scripts must not change under it; apply closes it although it refuses the edit."""
    _, new = edited(database, project)
    database.query("UPDATE meshmigrate.run SET finished_at = NULL, outcome = NULL, result = NULL")
    done = repair(database, project).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.RUN_UNFINISHED)
    assert done.failure is not None
    assert "`meshmigrate apply`" in done.failure.hint
    assert attempt(database, make_spec(project)).result.reason == Reason.CHECKSUM_MISMATCH
    assert repair(database, project).outcome is Outcome.SUCCEEDED
    assert checksum(database) == new


def test_two_at_once_accept_once(database: Database, project: Project) -> None:
    """The second one finds nothing that differs."""
    edited(database, project)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(repair, database, project) for _ in range(3)]
    outcomes = sorted(done.result().outcome for done in running)
    assert outcomes == [Outcome.REFUSED, Outcome.REFUSED, Outcome.SUCCEEDED]
    assert [event for event, _ in database.log].count("ChecksumAccepted") == 1


def start_repair(database: Database, project: Project, *options: str) -> subprocess.Popen[str]:
    """Start ``meshmigrate repair`` in the project's folder."""
    return subprocess.Popen(
        command("repair", *options),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_before_it_commits_nothing_is_accepted(database: Database, project: Project) -> None:
    """History, script and log are one transaction; the next one does it all."""
    old, new = edited(database, project)
    log = database.log
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM meshmigrate.log_head FOR UPDATE")
        process = start_repair(database, project, "--accept=1", "--reason=why")
        eventually(database.waits_for_row, "waits for the end of the log")
        process.kill()
        process.communicate()
        eventually(lambda: not database.lock_holders(), "the server ends the session")
        other.execute("ROLLBACK")
    assert (checksum(database), database.log) == (old, log)
    assert repair(database, project).outcome is Outcome.SUCCEEDED
    assert checksum(database) == new


def test_the_command_gives_the_result_and_its_exit_code(
    database: Database, project: Project
) -> None:
    """0 with JSON, 10 with the next step once nothing differs."""
    edited(database, project)
    done = start_repair(database, project, "--accept=001", "--reason=why", "--json", "--actor=eve")
    output, errors = done.communicate(timeout=30)
    assert (done.returncode, errors, json.loads(output)["outcome"]) == (0, "", "Succeeded")
    again = start_repair(database, project, "--accept=1", "--reason=why")
    _, errors = again.communicate(timeout=30)
    assert again.returncode == 10
    assert errors.startswith("migrations/1_m.sql: version 1 is in the history as its file is")
    assert database.scalar(
        "SELECT message LIKE '%accepted by eve: why' FROM meshmigrate.log "
        "WHERE event = 'ChecksumAccepted'"
    )


@pytest.mark.parametrize(
    "options",
    [["--accept=1"], ["--reason=why"], ["--accept=1", "--reason= "], ["--accept=x", "--reason=y"]],
)
def test_a_version_and_a_reason_are_required(
    database: Database, project: Project, options: list[str]
) -> None:
    """A usage error, before anything is connected."""
    project.migration("1", "SELECT 1")
    done = start_repair(database, project, *options)
    _, errors = done.communicate(timeout=30)
    assert (done.returncode, "Usage:" in errors) == (2, True)
