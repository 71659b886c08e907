"""What others write beside the runner becomes lines of its log, without its values."""

import subprocess
import sys

import pytest

from meshmigrate.domain.runner_log import LogLine, decode_line

_START = """
import gc, logging, sys, threading, warnings
from uuid import UUID
from meshmigrate.cli.foreign_lines import catch_foreign_lines
from meshmigrate.cli.runner_log import RunnerLog
from meshmigrate.domain.runspec import RunIdentity
log = RunnerLog()
log.run, log.resource = RunIdentity(id=UUID(int=7), number=3), "app/web"
catch_foreign_lines(log)
secret = "hunter2"
class Bad:
    def __del__(self):
        raise ValueError(secret)
"""


@pytest.mark.parametrize(
    ("said", "logger", "message"),
    [
        (
            'logging.getLogger("psycopg").warning("ignored: %s", secret)',
            "psycopg",
            "ignored: %s",
        ),
        (
            "warnings.warn(secret, UserWarning, stacklevel=1)",
            "py.warnings",
            "UserWarning in <string>, line 14",
        ),
        (
            "t = threading.Thread(target=lambda: int(secret)); t.start(); t.join()",
            "meshmigrate.runner",
            "ValueError in <string>, line 14",
        ),
        ("Bad()", "meshmigrate.runner", "ValueError in <string>, line 13"),
        ("int(secret)", "meshmigrate.runner", "ValueError in <string>, line 14"),
    ],
    ids=["library", "warning", "thread", "destructor", "process"],
)
def test_foreign_lines_join_the_log(said: str, logger: str, message: str) -> None:
    """One line with the run, kind and place; no value, and nothing anywhere else."""
    ended = subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", _START + said],
        capture_output=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert ended.stderr == b""
    (line,) = map(decode_line, ended.stdout.splitlines())
    assert isinstance(line, LogLine)
    assert (line.logger, line.message) == (logger, message)
    assert (line.run, line.resource) == (3, "app/web")
    assert b"hunter2" not in ended.stdout
