"""``repair`` asks for one thing at a time, and for a reason."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from meshmigrate.cli.main import main


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--reason=why"], "either --accept VERSION, or --step"),
        (["--step=done", "--reason=why"], "either --accept VERSION, or --step"),
        (["--version=1", "--reason=why"], "either --accept VERSION, or --step"),
        (["--step=done", "--version=1", "--accept=1", "--reason=why"], "either --accept VERSION"),
        (["--step=maybe", "--version=1", "--reason=why"], "'maybe' is not one of"),
        (["--step=done", "--version=x", "--reason=why"], "Invalid value for '--version'"),
        (["--step=done", "--version=1"], "Missing option '--reason'"),
        (["--step=done", "--version=1", "--reason= "], "say why: the log keeps it"),
    ],
)
def test_what_is_unclear_is_a_usage_error(tmp_path: Path, options: list[str], problem: str) -> None:
    """Before anything is connected."""
    shared = [f"--migrations={tmp_path}", "--database-url=postgresql://nobody@127.0.0.1:1/none"]
    shown = CliRunner().invoke(main, ["repair", *shared, *options])
    assert shown.exit_code == 2
    assert problem in shown.output
