"""The command line's frame: commands that are found, and errors that are ours."""

import click
from click.testing import CliRunner

from meshmigrate.cli.main import Commands, main


class _Failing(Commands):
    """The same frame around a command that has a fault."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give the command that fails."""
        del ctx, cmd_name

        @click.command()
        def fail() -> None:
            raise KeyError("postgres://app:hunter2@db")

        return fail


failing = _Failing(params=[click.Option(["--debug"], is_flag=True)])


def test_help_lists_the_commands_with_what_they_do() -> None:
    """Without importing any of them."""
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    for name in ("apply", "operator", "runner"):
        assert f"  {name} " in shown.output


def test_an_unknown_command_is_a_usage_error() -> None:
    """Exit code 2, and the word that was not understood."""
    shown = CliRunner().invoke(main, ["aply"])
    assert shown.exit_code == 2
    assert "aply" in shown.output


def test_an_internal_error_is_one_line_exit_1_and_repeats_nothing() -> None:
    """Its own text may hold anything; where it happened is enough to report it."""
    shown = CliRunner().invoke(failing, ["fail"])
    assert shown.exit_code == 1
    assert "internal error: KeyError in test_main.py" in shown.output
    assert "the ledger says what is applied" in shown.output
    assert "hunter2" not in shown.output
    assert "Traceback" not in shown.output


def test_debug_shows_the_traceback() -> None:
    """The exception reaches the interpreter, which prints it."""
    assert isinstance(CliRunner().invoke(failing, ["--debug", "fail"]).exception, KeyError)
