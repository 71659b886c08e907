"""``meshmigrate``: finds the command and imports only what that one needs."""

import atexit
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import click

from meshmigrate.cli.output import internal_error
from meshmigrate.domain.outcome import EXIT_INTERNAL_ERROR, EXIT_USAGE_ERROR

_AS_JSON: Final = "meshmigrate.as_json"

_COLLECTED_AFTER: Final = 100_000
"""Objects. Imports and runs make many and few cycles: looking for those takes a tenth of their
time."""

_COMMANDS: Final = {
    "new": ("new", "Make the files of a new migration."),
    "plan": ("plan", "Show what apply would do, and change nothing."),
    "apply": ("apply", "Apply pending migrations, or go back when one fails."),
    "status": ("status", "Show where a database stands."),
    "log": ("log", "Show the migration log, and verify that nobody changed it."),
    "rollback": ("rollback", "Go back to an earlier version, and prove it."),
    "verify": ("verify", "Prove that the rollback scripts of pending files do what they are for."),
    "fingerprint": ("fingerprint", "Show what the schema is, and how it differs from another."),
    "baseline": ("baseline", "Declare versions present that a database already has."),
    "adopt": ("adopt", "Take over the history that Supabase's command line keeps."),
    "repair": ("repair", "Accept an edited file, or decide about an interrupted statement."),
    "render": ("render", "Print what CI applies to a cluster: the resource and its files."),
    "wait": ("wait", "Show the run of a resource in a cluster, and end as it does."),
    "runner": ("runner", "Carry out one run spec, as the operator's Jobs do."),
    "operator": ("operator_command", "Watch DatabaseMigrations and run them as Jobs."),
}


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run what the arguments say; who closed an output, such as `>&-`, wants none of it."""
        for stream in ("stdout", "stderr"):
            if getattr(sys, stream) is None:
                # Now, while its number is free: a connection would take it, and get the output.
                setattr(sys, stream, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  to the end
        gc.set_threshold(_COLLECTED_AFTER)
        atexit.register(gc.freeze)  # a last look at all that is left would take longer than leaving
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names, in the order in which one needs them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"meshmigrate.cli.{module}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and whether errors are to be JSON, however wrong the rest may be."""
        ctx.meta[_AS_JSON] = "--json" in args
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what it does not expect is an internal error, told in two lines."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not ctx.meta.get(_AS_JSON):
                raise
            command = error.ctx.command_path if error.ctx else ctx.command_path
            _tell_fault("UsageError", error.format_message(), f"{command} --help")
            raise click.exceptions.Exit(EXIT_USAGE_ERROR) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            message, hint = internal_error(error)
            if ctx.meta.get(_AS_JSON):
                _tell_fault("InternalError", message, hint)
            else:
                click.echo(f"{message}\nnext: {hint}", err=True)
            raise click.exceptions.Exit(EXIT_INTERNAL_ERROR) from error


def _tell_fault(outcome: Literal["UsageError", "InternalError"], message: str, hint: str) -> None:
    from msgspec import json

    from meshmigrate.domain.answers import Fault

    fault = Fault(api_version=1, outcome=outcome, message=message, hint=hint)
    click.echo(json.encode(fault), err=True)


_EPILOG: Final = """\b
First steps:
  meshmigrate new 'add tenant slugs'   make a migration and its rollback script
  meshmigrate plan                     see what would happen
  meshmigrate apply                    do it
  meshmigrate status                   see where the database stands

\b
Exit codes:
  0 done   1 internal error   2 usage error   10 refused   11 findings
  12 not the approved plan
  20 rolled back   21 failed, nothing applied   22 halted   23 rollback failed
  24 cancelled   30 interrupted: run again   31 lock timeout   32 unreachable
  33 `wait` did not see the end

\b
Environment:
  MESHMIGRATE_DATABASE_URL   the database, where no option says it
  MESHMIGRATE_ACTOR          who changes a history by hand, or asks for a change
  MESHMIGRATE_COMMIT, MESHMIGRATE_REF, MESHMIGRATE_RUN_URL
                             where the files come from, for `render`
  KUBECONFIG                 the cluster that `wait` asks
  MESHMIGRATE_WRITE_BACK     1: keep the history of Supabase's command line too
  MESHMIGRATE_NOTIFY_CONFIG, MESHMIGRATE_NOTIFY
                             the file with channels, and which of them are told
  OTEL_EXPORTER_OTLP_ENDPOINT, TRACEPARENT
                             where traces go, and the span that a run's are below
  NO_COLOR                   any value: no colours on a terminal

\b
Completion (bash; docs/cli.md has zsh and fish):
  eval "$(_MESHMIGRATE_COMPLETE=bash_source meshmigrate)"
"""


@click.group(cls=Commands, epilog=_EPILOG)
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
@click.version_option(package_name="meshmigrate")
def main(debug: bool) -> None:
    """Bring a PostgreSQL database from one schema version to the next, and provably back."""
    del debug  # the group itself reads it
