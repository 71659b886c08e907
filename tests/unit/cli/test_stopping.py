"""Being stopped before there is a connection: every command ends with 30, and says so."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import meshmigrate

COMMANDS = {
    "adopt": [],
    "apply": [],
    "baseline": ["--to=1"],
    "log": [],
    "plan": [],
    "rollback": ["--to=0"],
    "repair": ["--accept=1", "--reason=why"],
    "status": [],
}


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """Give a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def start(folder: Path, server: socket.socket, *arguments: str) -> subprocess.Popen[str]:
    """Start a command against the silent server, and return when it has connected."""
    folder.joinpath("migrations").mkdir()
    folder.joinpath("migrations", "1_a.sql").write_text("SELECT 1")
    port = server.getsockname()[1]
    return subprocess.Popen(
        [sys.executable, "-c", "from meshmigrate.cli.main import main; main()", *arguments],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": str(Path(meshmigrate.__file__).parent.parent),
            "MESHMIGRATE_DATABASE_URL": f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("command", "number"),
    [*((name, signal.SIGTERM) for name in COMMANDS), ("log", signal.SIGINT)],
)
def test_while_connecting_every_command_ends_with_30_at_once(
    tmp_path: Path, silent_server: socket.socket, command: str, number: signal.Signals
) -> None:
    """It does not wait for a server that may never answer; with --json the end is JSON."""
    arguments = (command, "--json", *COMMANDS[command])
    with start(tmp_path, silent_server, *arguments) as process:
        connection, _ = silent_server.accept()
        with connection:
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (30, "")
    answer = json.loads(output)
    assert (answer["outcome"], answer["reason"]) == ("Interrupted", "Terminated")


def test_a_person_is_told_that_nothing_was_changed(
    tmp_path: Path, silent_server: socket.socket
) -> None:
    """And what to do next."""
    with start(tmp_path, silent_server, "apply") as process:
        connection, _ = silent_server.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
    assert process.returncode == 30
    assert "stopping: " in output
    assert output.endswith("\nInterrupted\n")
    assert "stopped before there was a connection: nothing was changed" in errors
    assert "next: Run again." in errors
