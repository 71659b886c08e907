"""What ``wait`` shows, says at its end, and exits with."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from meshmigrate.cli.main import main
from meshmigrate.cli.wait import Duration
from meshmigrate.cli.wait_answer import make_answer, show_answer
from meshmigrate.cli.wait_terminal import TerminalWaitView
from meshmigrate.cli.wait_view import PlainWaitView, progress_lines
from meshmigrate.controller.await_end import Waited
from meshmigrate.controller.awaited_run import Look, RunEnd
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import FailureDetail, Result
from meshmigrate.domain.runspec import Folders
from tests.scripted.serving import serving

OPERATOR = Path(__file__).parents[3] / "operator"
PROGRAM = "from meshmigrate.cli.main import main; main()"
FAILED = Result(
    api_version=1,
    run_id="7f0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11",
    attempt=1,
    outcome=Outcome.FAILED,
    reason="SyntaxError",
    message="it failed",
    failure=FailureDetail(
        message="it failed", hint="Correct it.", file="web-migrations-6bed315424/1_a.sql", line=1
    ),
)


def make_look(message: str = "at it", phase: str = "Running", **changes: Any) -> Look:
    """Give a look at a resource whose run is in flight."""
    parts: dict[str, Any] = {
        "phase": phase,
        "reason": phase,
        "message": message,
        "progress": {},
        "contents": {"web-migrations-6bed315424": "migrations"},
        "end": None,
    }
    return Look(**{**parts, **changes})


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("90s", 90), ("1h30m", 5400), ("45", 45)]
)
def test_a_timeout_is_written_as_people_write_it(text: str, seconds: float) -> None:
    """With units, or in seconds."""
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5d", "-1m", "1.5h"])
def test_any_other_timeout_is_a_usage_error(text: str) -> None:
    """Told with what it looks like."""
    shown = CliRunner().invoke(main, ["wait", "web", f"--timeout={text}"])
    assert shown.exit_code == 2
    assert "is not a time such as 90s" in shown.stderr


def test_a_pipe_gets_a_line_when_something_changes(capsys: pytest.CaptureFixture[str]) -> None:
    """Not one for each look."""
    seconds = 0.0
    view = PlainWaitView(clock=lambda: seconds)
    progress = {"version": "3", "applied": 1, "total": 7, "statement": "ALTER TABLE", "seconds": 4}
    waiting = {"waitingFor": "a lock on public.a", "blockers": ["process 4711"]}
    view.look(make_look("run 3 is being started", "Pending"))
    view.look(make_look())
    view.look(make_look(progress=progress))
    view.look(make_look(progress=progress | {"seconds": 6}))
    view.look(make_look(progress=progress | waiting))
    seconds = 10.0
    view.look(make_look(progress=progress | {"seconds": 14} | waiting))
    view.no_answer("no answer")
    view.no_answer("no answer")
    view.look(make_look("it is done", "Succeeded", end=RunEnd(Outcome.SUCCEEDED, None)))
    assert capsys.readouterr().out.splitlines() == [
        "Pending: run 3 is being started",
        "Running: at it",
        "  3 (2 of 7): ALTER TABLE, 4 s",
        "  3 (2 of 7): ALTER TABLE, 4 s",
        "  waits for a lock on public.a",
        "  in its way: process 4711",
        "  3 (2 of 7): ALTER TABLE, 14 s",
        "  waits for a lock on public.a",
        "  in its way: process 4711",
        "warning: no answer; asking again",
    ]


@pytest.mark.parametrize(
    ("progress", "lines"),
    [
        ({}, []),
        ({"version": "3"}, ["3"]),
        (
            {"direction": "down", "version": "2", "applied": 1, "total": 2, "cause": "3 failed"},
            ["taking back 2 (2 of 2)", "3 failed"],
        ),
        (
            {"version": "3", "file": "a/3.sql", "line": 4, "statement": "CREATE INDEX …"}
            | {"seconds": 7, "doing": "scanning, 4 of 9 blocks"},
            ["3: CREATE INDEX … at a/3.sql:4, 7 s", "scanning, 4 of 9 blocks"],
        ),
    ],
)
def test_whatever_is_known_of_the_progress_is_shown(
    progress: dict[str, Any], lines: list[str]
) -> None:
    """And nothing of what is not."""
    assert progress_lines(progress) == lines


def test_a_terminal_shows_it_in_one_place() -> None:
    """And leaves nothing behind."""
    console = Console(record=True, force_terminal=True, width=80, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115  closed with the test
    view = TerminalWaitView(console)
    view.look(make_look("at [it]", progress={"version": "3"}))
    view.no_answer("no answer")
    view.close()
    console.file.close()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Give a folder with the file that failed."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    folder.joinpath("1_a.sql").write_text("SELECT 1")
    return Folders(migrations=(str(folder),))


def answered(waited: Waited, folders: Folders | None = None, *, as_json: bool = False) -> int:
    """Show the answer, and give the exit code."""
    answer = make_answer(waited, "meshhook", "web", folders)
    show_answer(answer, folders, as_json=as_json)
    return answer.exit_code


def test_a_failure_is_shown_as_apply_does(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file as it lies here, not as it was mounted there."""
    ended = Waited(RunEnd(Outcome.FAILED, FAILED), deleted=False, look=make_look())
    assert answered(ended, folders) == 21
    shown = capsys.readouterr()
    assert shown.out == "Failed\n"
    assert shown.err.splitlines() == [
        f"{folders.migrations[0]}/1_a.sql:1: it failed",
        "  1 | SELECT 1",
        "next: Correct it.",
    ]


def test_a_file_that_is_not_here_is_named_as_it_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is no checkout where the tool runs alone."""
    ended = Waited(RunEnd(Outcome.FAILED, FAILED), deleted=False, look=make_look())
    answered(ended)
    assert capsys.readouterr().err.startswith("web-migrations-6bed315424/1_a.sql:1: it failed")


def test_json_is_one_line(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """With the run as `apply --json` gives it."""
    ended = Waited(RunEnd(Outcome.FAILED, FAILED), deleted=False, look=make_look())
    assert answered(ended, folders, as_json=True) == 21
    shown = capsys.readouterr()
    assert shown.err == ""
    answer = json.loads(shown.out)
    assert (answer["outcome"], answer["exitCode"], answer["name"]) == ("Failed", 21, "web")
    assert answer["run"]["failure"]["line"] == 1


@pytest.mark.parametrize(("deleted", "word"), [(False, "TimedOut"), (True, "Deleted")])
def test_an_end_that_was_not_seen_has_an_exit_code_of_its_own(
    deleted: bool, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the state that was seen last."""
    unseen = Waited(None, deleted=deleted, look=make_look("waits for a Secret", "Pending"))
    assert answered(unseen) == 33
    shown = capsys.readouterr()
    assert "last seen: Pending: waits for a Secret\nnext: " in shown.err
    assert answered(unseen, as_json=True) == 33
    assert json.loads(capsys.readouterr().out)["outcome"] == word


def test_an_end_without_details_is_told_by_the_conditions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Such as a spec that the operator does not understand."""
    look = make_look("this operator does not understand the spec", "Refused")
    assert answered(Waited(RunEnd(Outcome.REFUSED, None), deleted=False, look=look)) == 10
    said = "Refused: this operator does not understand the spec\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("end", [RunEnd(Outcome.FAILED, FAILED), None])
def test_github_actions_get_an_annotation_and_a_summary(
    end: RunEnd | None,
    folders: Folders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside the line of the file in the repository, where there is one."""
    summary = tmp_path / "summary"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    environment["GITHUB_WORKSPACE"] = str(tmp_path)
    script = "import os, sys; from tests.unit.cli.test_wait import *; "
    del script
    for name, value in environment.items():
        monkeypatch.setitem(os.environ, name, value)
    answered(Waited(end, deleted=False, look=make_look()), folders)
    shown = capsys.readouterr().err
    if end:
        assert "::error file=migrations/1_a.sql,line=1,title=Failed%3A SyntaxError::" in shown
        assert summary.read_text().startswith("### ❌ meshmigrate wait: Failed")
    else:
        assert "::error title=meshmigrate wait%3A TimedOut::" in shown
        assert summary.read_text().startswith("### ❌ meshmigrate wait: TimedOut")


class _Refusing(BaseHTTPRequestHandler):
    """An API server that is starting for ever."""

    def do_GET(self) -> None:
        """Answer that it is not ready."""
        self.server.asked.set()  # type: ignore[attr-defined]  # given by the fixture
        self.send_response(503)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class says so
        """Keep quiet."""


@pytest.fixture
def starting_server(tmp_path: Path) -> Iterator[tuple[Path, threading.Event]]:
    """Give the kubeconfig of a server that never is ready, and whether it was asked."""
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    asked = threading.Event()
    server.asked = asked  # type: ignore[attr-defined]  # for the handler
    with serving(server):
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "namespace": "app"}}],
            "clusters": [
                {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
            ],
        }
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(config))
        yield kubeconfig, asked


def start(kubeconfig: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``meshmigrate wait`` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "wait", "web", *arguments],
        env={**os.environ, "PYTHONPATH": str(OPERATOR), "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Give what a process writes until its end, which must come soon."""
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()


def test_it_is_asked_to_stop_in_order(starting_server: tuple[Path, threading.Event]) -> None:
    """The run goes on; that is said."""
    kubeconfig, asked = starting_server
    with start(kubeconfig) as process:
        asked.wait(60)
        process.send_signal(signal.SIGTERM)
        _, err = finish(process)
    assert process.returncode == 30
    assert err.startswith("asked to stop; the run goes on in the cluster\n")


def test_it_gives_up_in_time(starting_server: tuple[Path, threading.Event]) -> None:
    """Also where nothing was ever seen."""
    with start(starting_server[0], "--timeout", "1s", "--json") as process:
        out, _ = finish(process)
    assert process.returncode == 33
    assert json.loads(out) == {
        "apiVersion": 1,
        "namespace": "app",
        "name": "web",
        "outcome": "TimedOut",
        "exitCode": 33,
        "message": "the API server has not answered",
    }


def test_without_a_cluster_it_says_so(tmp_path: Path) -> None:
    """With where one is looked for."""
    with start(tmp_path / "nothing") as process:
        _, err = finish(process)
    assert process.returncode == 2
    assert "no cluster can be reached" in err


@pytest.mark.parametrize(("command", "code"), [(["wait", "web"], 2), (["render", "--help"], 0)])
def test_only_wait_needs_the_client_of_the_cluster(command: list[str], code: int) -> None:
    """Which comes with the operator's packages; where it is missing that is said."""
    without = "import sys; sys.modules.update(dict.fromkeys(['kubernetes', 'aiohttp', 'kopf']))"
    done = subprocess.run(
        [sys.executable, "-c", f"{without}\n{PROGRAM}", *command],
        env={**os.environ, "PYTHONPATH": str(OPERATOR)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("pip install 'meshmigrate[operator]'" in done.stderr) == (code == 2)
