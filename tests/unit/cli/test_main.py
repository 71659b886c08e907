"""The command line's frame: commands that are found, and errors that are ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import meshmigrate
from meshmigrate.cli.main import Commands, main

COMMANDS = main.list_commands(click.Context(main))
HEAVY = {"kopf", "kubernetes", "postgast", "prometheus_client", "psycopg", "rich", "structlog"}


class _Failing(Commands):
    """The same frame around a command that has a fault."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give the command that fails."""
        del ctx, cmd_name

        @click.command()
        @click.option("--json", "as_json", is_flag=True)
        def fail(as_json: bool) -> None:
            del as_json
            raise KeyError("postgres://app:hunter2@db")

        return fail


failing = _Failing(params=[click.Option(["--debug"], is_flag=True)])


def test_help_lists_the_commands_with_what_they_do() -> None:
    """Without importing any of them."""
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    for name in COMMANDS:
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


def test_with_json_an_internal_error_is_json_too() -> None:
    """One line on standard error, exit 1; standard output stays empty."""
    shown = CliRunner().invoke(failing, ["fail", "--json"])
    assert (shown.exit_code, shown.stdout) == (1, "")
    fault = json.loads(shown.stderr)
    assert fault["outcome"] == "InternalError"
    assert "--debug" in fault["hint"]
    assert "hunter2" not in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["aply", "--json"], "aply", "meshmigrate --help"),
        (["apply", "--json", "--deadline=soon"], "soon", "meshmigrate apply --help"),
        (["status", "--json"], "MESHMIGRATE_DATABASE_URL", "meshmigrate status --help"),
        (["new", "--json", "!"], "letter", "meshmigrate new --help"),
    ],
)
def test_with_json_a_usage_error_is_json_too(arguments: list[str], said: str, hint: str) -> None:
    """One line on standard error, exit 2, however little of the rest was understood."""
    runner = CliRunner(env={"MESHMIGRATE_DATABASE_URL": None})
    shown = runner.invoke(main, arguments, prog_name="meshmigrate")
    assert (shown.exit_code, shown.stdout) == (2, "")
    fault = json.loads(shown.stderr)
    assert (fault["outcome"], fault["hint"]) == ("UsageError", hint)
    assert said in fault["message"]


def test_debug_shows_the_traceback() -> None:
    """The exception reaches the interpreter, which prints it."""
    assert isinstance(CliRunner().invoke(failing, ["--debug", "fail"]).exception, KeyError)


def test_help_imports_nothing_heavy() -> None:
    """What a person's command needs is imported when it runs: start-up stays short."""
    names = [name for name in COMMANDS if name != "runner"]  # nobody waits for a Job's help
    program = (
        "import sys\n"
        "from meshmigrate.cli.main import main\n"
        f"for name in {names!r}:\n"
        "    main([name, '--help'], standalone_mode=False)\n"
        f"print('heavy:', sorted({HEAVY!r} & sys.modules.keys()))\n"
    )
    assert run_python(program).stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documentation_describes_every_option(name: str) -> None:
    """docs/cli.md has a section for each command, and in it each of its options."""
    text = Path(__file__).parents[3].joinpath("docs", "cli.md").read_text()
    _, _, section = text.partition(f"\n## {name}\n")
    section, _, _ = section.partition("\n## ")
    _, _, shared = text.partition("\n## Shared options\n")
    shared, _, _ = shared.partition("\n## ")
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = [option for parameter in command.params for option in parameter.opts]
    assert section
    assert [name for name in options if name.startswith("-") and name not in section + shared] == []


def run_python(program: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program with this checkout's code."""
    package = Path(meshmigrate.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(package)} | more,
        capture_output=True,
        text=True,
        check=True,
    )
