"""Help that teaches: examples, exit codes, variables, and what to run next."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meshmigrate.cli.main import main
from meshmigrate.domain.outcome import Outcome

COMMANDS = main.list_commands(click.Context(main))
PAGE = Path(__file__).parents[3].joinpath("docs", "cli.md").read_text()


def help_of(*arguments: str) -> str:
    """Give what ``--help`` shows."""
    shown = CliRunner().invoke(main, [*arguments, "--help"], prog_name="meshmigrate")
    assert shown.exit_code == 0
    return shown.output


def variables(name: str) -> set[str]:
    """Give the environment variables that the options of a command read."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    found = [getattr(parameter, "envvar", None) for parameter in command.params]
    return {variable for variable in found if isinstance(variable, str)}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_what_to_run_next(name: str) -> None:
    """After examples that can be typed as they stand."""
    _, _, end = help_of(name).partition("Examples:\n")
    examples, _, following = end.partition("\n\n")
    assert examples
    assert all(line.startswith(f"    meshmigrate {name}") for line in examples.splitlines())
    assert following.startswith("  Next: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_its_exit_codes(name: str) -> None:
    """In a line of their own, and only codes that there are."""
    _, _, text = help_of(name).partition("Exit codes")
    text, _, _ = text.partition("Options:")
    known = {outcome.exit_code for outcome in Outcome} | {1, 2, 11, 33}
    codes = {int(code) for code in re.findall(r"(?:: |, )(\d+) ", " ".join(text.split()))}
    assert codes <= known
    assert codes or "those of `meshmigrate apply`" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_next_step_names_commands_that_there_are(name: str) -> None:
    """A word that is not understood helps nobody."""
    _, _, following = help_of(name).partition("Next: ")
    named = re.findall(r"`meshmigrate (\w+)", " ".join(following.split()))
    assert set(named) <= set(COMMANDS)


def test_the_first_help_has_every_exit_code_and_variable() -> None:
    """And the first steps, in the order in which one takes them."""
    shown = help_of()
    for outcome in Outcome:
        if outcome is not Outcome.CANCELLED:  # the operator's alone
            assert re.search(rf"\b{outcome.exit_code} ", shown), outcome
    people = [name for name in COMMANDS if name not in {"operator", "runner"}]
    for variable in set().union(*map(variables, people)):
        assert re.search(rf"  .*\b{variable}\b", shown)
    steps = [shown.index(f"  meshmigrate {name}") for name in ("new", "plan", "apply", "status")]
    assert steps == sorted(steps)


def test_the_page_has_the_commands_in_the_order_of_the_help() -> None:
    """In its list and in its sections: what one needs first comes first."""
    shown = re.findall(r"(?m)^  (\w+)  +[A-Z]", help_of().partition("Commands:")[2])
    assert shown == re.findall(r"(?m)^meshmigrate (\w+)  ", PAGE)
    assert shown == [title for title in re.findall(r"(?m)^## (\w+)$", PAGE) if title in COMMANDS]


def options(name: str) -> set[str]:
    """Give the options of a command, by their long names; a switch has two."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    given = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    names = {name for one in given for name in (*one.opts, *one.secondary_opts)}
    return {name for name in names if name.startswith("--")}


def section(title: str) -> str:
    """Give a section of the page."""
    _, _, text = PAGE.partition(f"\n## {title}\n")
    return text.partition("\n## ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_every_option_of_a_command_and_no_other(name: str) -> None:
    """In its section, or among those that several share; no table has one that is gone."""
    pattern = r"--[a-z][a-z-]+"
    rows = re.findall(r"(?m)^\| `--[^|]*", section(name))
    told, shared = (
        re.findall(pattern, section(name)),
        re.findall(pattern, section("Shared options")),
    )
    assert options(name) <= {*told, *shared}
    assert set(re.findall(pattern, "".join(rows))) <= options(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_documentation_has_every_variable(name: str) -> None:
    """Under the name that the program reads."""
    assert all(f"`{variable}" in PAGE for variable in variables(name))


def test_the_help_of_every_option_is_documented() -> None:
    """No option is without a sentence of help."""
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_seconds_are_a_number_above_zero(seconds: str) -> None:
    """Told in words, with what was given."""
    shown = CliRunner().invoke(main, ["apply", f"--deadline={seconds}"])
    assert shown.exit_code == 2
    assert f"'{seconds}' is not a number of seconds: above 0" in " ".join(shown.output.split())
