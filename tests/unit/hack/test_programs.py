"""A failure of another program is told with what it was, what it said and where more stands."""

from pathlib import Path

import pytest

from hack.cluster.errors import ClusterError
from hack.cluster.programs import run, run_logged


def test_output_and_input_pass_through() -> None:
    """A program gets its standard input and its output comes back."""
    assert run(["cat"], stdin="text") == "text"


def test_a_failure_names_command_code_and_reason() -> None:
    """The message has the command, the exit code and the end of what it said."""
    with pytest.raises(ClusterError, match=r"(?s)`sh -c .*exit code 3.*no space"):
        run(["sh", "-c", "echo no space >&2; exit 3"])


def test_a_missing_program_is_named() -> None:
    """A program that is not there is a failure, not a traceback."""
    with pytest.raises(ClusterError, match="no-such-program-here: no such program"):
        run(["no-such-program-here"])


def test_a_program_that_hangs_is_given_up() -> None:
    """Longer than the given time is a failure."""
    with pytest.raises(ClusterError, match="did not end within 0 s"):
        run(["sleep", "60"], timeout=0.1)


def test_a_long_program_leaves_a_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Output goes to the log; the terminal has only the title and the time it took."""
    log = tmp_path / "logs" / "work.log"
    run_logged("working", ["sh", "-c", "echo detail"], log=log)
    assert log.read_text() == "detail\n"
    assert capfd.readouterr().err == "working ...\nworking: done after 0 s\n"


def test_a_failed_long_program_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The message has the path of the log and its last lines, not the first."""
    log = tmp_path / "work.log"
    with pytest.raises(ClusterError) as failure:
        run_logged("working", ["sh", "-c", "seq 100; exit 1"], log=log)
    assert str(log) in str(failure.value)
    assert "    100" in str(failure.value)
    assert "    1\n" not in str(failure.value)
