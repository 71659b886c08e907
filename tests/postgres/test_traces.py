"""Traces: a span for each thing a run does, from whoever started it down to the statement."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from meshmigrate.domain.runspec import encode_spec
from meshmigrate.domain.trace_context import TraceContext
from tests.postgres.harness import Database, Project, make_spec
from tests.postgres.processes import command, environment, run_command
from tests.scripted.collector import Collector, collecting

pytestmark = pytest.mark.one_version  # the process is what counts here

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
CANARY = "canary-value"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Give a collector that listens."""
    with collecting() as collector:
        yield collector


def test_a_run_and_its_statements_are_in_the_trace_of_whoever_started_it(
    database: Database, project: Project, collector: Collector
) -> None:
    """Run, attempt, lock wait, fingerprint, file and statement, below the given TRACEPARENT."""
    project.migration("1", "CREATE TABLE a (x int);\n\nALTER TABLE a ADD y text;\nSELECT 1")
    done = run_command(
        database,
        project.root,
        "apply",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        TRACEPARENT=TRACEPARENT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert {span.service for span in collector.spans} == {"meshmigrate"}
    (run,) = collector.named("run")
    assert run.parent_id == SPAN
    assert run.attributes["meshmigrate.outcome"] == "Succeeded"
    (file,) = collector.named("file")
    assert file.attributes["meshmigrate.version"] == "1"
    assert file.attributes["code.file.path"] == "migrations/1_m.sql"
    statements = [span for span in collector.spans if "db.operation.name" in span.attributes]
    assert {span.attributes["db.system.name"] for span in statements} == {"postgresql"}
    assert sum(int(it.attributes.get("db.operation.batch.size", 1)) for it in statements) == 3
    for span in statements:
        assert collector.above(span) == ["file", "attempt", "run"]
    for name in ("lock wait", "fingerprint"):
        assert collector.above(collector.named(name)[0]) == ["attempt", "run"]


def test_a_failure_and_the_way_back_are_told_without_a_value(
    database: Database, project: Project, collector: Collector
) -> None:
    """The statement that failed has its SQLSTATE and its line; no text of any is sent."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", f"SELECT 1;\n\nINSERT INTO a VALUES ('{CANARY}')")
    done = run_command(database, project.root, "apply", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert done.returncode == 20
    (back,) = collector.named("rollback")
    assert (back.attributes["meshmigrate.version"], back.failed) == ("1", False)
    (run,) = collector.named("run")
    assert (run.attributes["meshmigrate.outcome"], run.failed) == ("RolledBack", True)
    assert run.parent_id == ""
    (failed,) = [
        span for span in collector.spans if span.failed and "db.operation.name" in span.attributes
    ]
    assert failed.attributes["db.response.status_code"] == "22P02"
    assert [span.failed for span in collector.named("file")] == [False, True]
    sent = b"".join(collector.bodies)
    assert b"migrations/2_m.sql" in sent
    assert CANARY.encode() not in sent
    assert b"INSERT INTO" not in sent


def test_files_that_share_a_transaction_have_spans_of_their_own(
    database: Database, project: Project, collector: Collector
) -> None:
    """A span per file in a batch, and steps outside of transactions below that of their file."""
    project.migration("1", "CREATE TABLE a (x int)").migration("2", "CREATE TABLE b (x int)")
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    mode = "--transaction-mode=Batch"
    assert run_command(database, project.root, "apply", mode, **variables).returncode == 0
    assert len(collector.named("file")) == 2
    project.migration("3", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
    assert run_command(database, project.root, "apply", **variables).returncode == 0
    (index,) = collector.named("CREATE INDEX")
    assert collector.above(index) == ["file", "attempt", "run"]
    assert len({span.trace_id for span in collector.named("run")}) == 2


def test_the_runner_is_in_the_trace_that_its_spec_names(
    database: Database, project: Project, collector: Collector, tmp_path: Path
) -> None:
    """Each line of its log has the trace's id; without a parent that is one of the run's own."""
    project.migration("1", "CREATE TABLE a (x int)")
    below = replace(make_spec(project), traceparent=TRACEPARENT)
    alone = make_spec(project)
    tmp_path.joinpath("url").write_text(database.url)
    for spec, trace in ((below, TRACE), (alone, TraceContext.of_run(alone.run.id).trace_id)):
        tmp_path.joinpath("spec").write_bytes(encode_spec(spec))
        files = [f"--spec={tmp_path / 'spec'}", f"--credentials={tmp_path}"]
        done = subprocess.run(
            command("runner", *files, f"--result={tmp_path / 'result'}"),
            env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url),
            capture_output=True,
            check=True,
            timeout=60,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert {line["traceId"] for line in lines} == {trace}
        ids = (span.trace_id for span in collector.named("run"))
        assert trace in ids
        assert done.stderr == b""


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "closed"])
def test_a_dead_collector_neither_fails_nor_delays_a_run(
    database: Database, project: Project, *, silent: bool
) -> None:
    """Neither one that refuses nor one that takes and never answers; nothing is said of it."""
    project.migration("1", "".join(f"CREATE TABLE t{n} (x int);\n" for n in range(50)))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        if not silent:
            deaf.close()
        done = run_command(
            database,
            project.root,
            "apply",
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_TIMEOUT="3600",  # seconds: much more than a command is given
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_runner_says_of_a_dead_collector_what_the_log_is_for(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Lines like all others: none of them breaks the form that the operator reads."""
    project.migration("1", "CREATE TABLE a (x int)")
    tmp_path.joinpath("url").write_text(database.url)
    tmp_path.joinpath("spec").write_bytes(encode_spec(make_spec(project)))
    files = [f"--spec={tmp_path / 'spec'}", f"--credentials={tmp_path}"]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    done = subprocess.run(
        command("runner", *files, f"--result={tmp_path / 'result'}"),
        env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=url),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "finished" in {line["event"] for line in lines}
    assert len({line["traceId"] for line in lines}) == 1


def test_variables_that_make_no_sense_fail_no_run(database: Database, project: Project) -> None:
    """The run is done without traces, and one line says so."""
    project.migration("1", "CREATE TABLE a (x int)")
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100000",
    }
    done = run_command(database, project.root, "apply", **variables)
    assert done.returncode == 0
    assert done.stderr == "no traces: the variables OTEL_* are not understood: ValueError\n"
    assert database.versions == ["1"]


def test_without_a_collector_nothing_of_opentelemetry_is_imported(
    database: Database, project: Project
) -> None:
    """Start-up time is a promise, and the packages are optional."""
    project.migration("1", "CREATE TABLE a (x int)")
    script = (
        "import atexit, sys\n"
        "names = ('opentelemetry', 'requests', 'urllib3')\n"
        "atexit.register(lambda: print(sorted({m.split('.')[0] for m in sys.modules} "
        "& set(names)), file=sys.stderr))\n"
        "from meshmigrate.cli.main import main; main(['apply'], prog_name='meshmigrate')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url, TRACEPARENT=TRACEPARENT),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"
