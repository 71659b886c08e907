"""``meshmigrate runner``: what the operator's Jobs rely on."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result, decode_result
from meshmigrate.domain.runspec import RunSpec, encode_spec
from tests.postgres.harness import PASSWORD, Database, Project, make_spec
from tests.postgres.processes import Runner, command, environment

pytestmark = pytest.mark.one_version  # the process is what counts here

StartRunner = Callable[[RunSpec], Runner]


def run(folder: Path, spec: bytes | None, url: str | None) -> tuple[int, Result, str]:
    """Run a runner whose files may be missing; give exit code, result and output."""
    spec_file, url_file, result = folder / "spec.json", folder / "url", folder / "result"
    if spec is not None:
        spec_file.write_bytes(spec)
    if url is not None:
        url_file.write_text(url)
    done = subprocess.run(
        command(
            "runner",
            f"--spec={spec_file}",
            f"--credentials={folder}",
            f"--result={result}",
        ),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.returncode, decode_result(result.read_bytes()), done.stdout


def test_the_log_is_json_lines_with_the_run_in_each(
    project: Project, start_runner: StartRunner
) -> None:
    """Time, level, event and message always; version and file where there is one."""
    project.migration("1", "CREATE TABLE a (x int)")
    spec = make_spec(project)
    runner = start_runner(spec)
    assert runner.wait() == 0
    assert {line["runId"] for line in runner.lines} == {str(spec.run.id)}
    assert [line["event"] for line in runner.lines] == [
        "connected",
        "locked",
        "ledger-upgraded",
        "planned",
        "applying",
        "applied",
        "finished",
    ]
    applied = runner.lines[5]
    assert (applied["version"], applied["file"]) == ("1", "migrations/1_m.sql")
    assert applied["progress"] == {
        "version": "1",
        "file": "migrations/1_m.sql",
        "applied": 1,
        "total": 1,
    }
    assert applied["rollbackReady"]["reason"] == "Transactional"
    assert all({"time", "level", "message", "attempt"} <= line.keys() for line in runner.lines)


def test_the_result_fits_a_termination_message_and_the_log_says_all(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """4096 bytes is what Kubernetes keeps, whatever the database has to say; the ledger has it."""
    project.migration("1", "SELECT 1", "SELECT 1")
    names = [f"{'é' * 25}_{number}" for number in range(60)]
    tables = ";".join(f"CREATE TABLE {name} (x int)" for name in names)
    project.migration("2", tables, "SELECT 1").migration("3", "SELECT 1/0")
    runner = start_runner(make_spec(project))
    assert runner.wait() == 23
    assert len(runner.encoded) <= 4096
    assert runner.result.outcome is Outcome.ROLLBACK_FAILED
    assert 0 < len(runner.result.differences) < len(names)
    message = database.scalar("SELECT message FROM meshmigrate.log ORDER BY id DESC LIMIT 1")
    found = {line.split()[1] for line in message.splitlines() if line.startswith("relations: ")}
    assert found == {f'public."{name}"' for name in names}


def test_a_missing_and_an_empty_credential_are_named(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Refused with CredentialsMissing: the Secret or its key is not there."""
    project.migration("1", "SELECT 1")
    spec = encode_spec(make_spec(project))
    for url in (None, "", "\n"):
        code, result, _ = run(tmp_path, spec, url)
        assert (code, result.reason) == (10, Reason.CREDENTIALS_MISSING)
    assert not database.has_ledger


def test_an_ambiguous_url_is_refused_without_repeating_it(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Not a character of it appears, neither in the result nor in the log."""
    project.migration("1", "SELECT 1")
    url = f"postgres://app:hunter2@h@127.0.0.1:{database.server.port}/a@b/c"
    code, result, output = run(tmp_path, encode_spec(make_spec(project)), url)
    assert (code, result.reason) == (10, Reason.INVALID_DATABASE_URL)
    assert "hunter2" not in output + result.message


def test_a_spec_that_is_not_understood_still_gives_a_result(tmp_path: Path) -> None:
    """With the id of the run as far as it can be read, so that the operator can place it."""
    run_id = uuid4()
    for spec in (
        {"apiVersion": 2, "run": {"id": str(run_id)}},
        {"apiVersion": 1, "run": {"id": str(run_id)}, "folders": {"migrations": []}, "new": 1},
    ):
        code, result, _ = run(tmp_path, json.dumps(spec).encode(), "postgres://x")
        assert (code, result.reason, result.run_id) == (10, Reason.INVALID_SPEC, str(run_id))
    for broken in (b"{", b"", b"[]", b"\xff"):
        code, result, _ = run(tmp_path, broken, "postgres://x")
        assert (code, result.reason) == (10, Reason.INVALID_SPEC)


def test_an_internal_error_is_exit_1_without_a_traceback(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """A result that cannot be written is our fault: said in one line, with what is known."""
    project.migration("1", "CREATE TABLE a (x int)")
    tmp_path.joinpath("spec.json").write_bytes(encode_spec(make_spec(project)))
    tmp_path.joinpath("url").write_text(database.url)
    done = subprocess.run(
        command(
            "runner",
            f"--spec={tmp_path / 'spec.json'}",
            f"--credentials={tmp_path}",
            f"--result={tmp_path / 'no' / 'folder'}",
        ),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "internal-error"
    assert "the ledger says what is applied" in last["message"]
    assert database.versions == ["1"]


def test_the_runner_imports_nothing_of_the_operator_nor_of_the_terminal() -> None:
    """Start-up time is a promise: no kopf, kubernetes, rich, structlog or asyncio server."""
    script = (
        "import sys, meshmigrate.cli.runner, meshmigrate.cli.main;"
        "heavy = {'kopf', 'kubernetes', 'rich', 'structlog', 'aiohttp', 'yaml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_password_appears_nowhere(
    database: Database, project: Project, start_runner: StartRunner, tmp_path: Path
) -> None:
    """Not in any log line, result, ledger row or server message, whichever way a run ends."""
    texts = ("CREATE TABLE a (x int)", "SELECT 1/0", "SELEKT", "SELECT nosuch")
    seen: list[str] = []
    for number, text in enumerate(texts, start=1):
        project.migration(str(number), text, "SELECT 1")
        runner = start_runner(make_spec(project))
        runner.wait()
        seen += [runner.output, runner.encoded.decode()]
        if number > 1:
            project.migration(str(number), "SELECT 1", "SELECT 1")
    spec = encode_spec(make_spec(project))
    for url in (database.url_with(PASSWORD) + "&nosuch=1", database.url_with(f"{PASSWORD}@h/x@")):
        _, result, output = run(tmp_path, spec, url)
        seen += [output, str(result)]
    wrong = database.url.replace(database.role, "nobody_here", 1)
    _, result, output = run(tmp_path, spec, wrong)
    seen += [output, str(result)]
    for (table,) in database.query(
        "SELECT relname FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'meshmigrate'::regnamespace"
    ):
        seen += [str(row) for row in _rows(database, table)]
    everything = "\n".join(seen)
    assert len(everything) > 1000
    assert PASSWORD not in everything
    assert "zqxj" not in everything


def _rows(database: Database, table: str) -> list[TupleRow]:
    with database.connect() as connection:
        query = SQL("SELECT t::text FROM meshmigrate.{} AS t").format(Identifier(table))
        return connection.execute(query).fetchall()
