"""``meshmigrate wait``: CI sees the run of a resource, and ends as it does."""

import re
from typing import Any, Final

import click

from meshmigrate.cli.folder_options import folder_options
from meshmigrate.cli.options import examples, json_option
from meshmigrate.domain.runspec import Folders

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


class Duration(click.types.FloatParamType):
    """A time such as 90s, 30m, 1h30m or 90, in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a time."""
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(\d+[smh])+|\d+", value):
            self.fail(f"{value!r} is not a time such as 90s, 30m or 1h30m", param, ctx)
        parts = re.findall(r"(\d+)([smh]?)", value)
        return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


@click.command(
    epilog=examples(
        "meshmigrate wait web",
        "meshmigrate wait web --namespace meshhook --timeout 1h",
        "meshmigrate wait web --json",
        then="`kubectl describe databasemigration NAME` shows everything that is known.",
    )
)
@click.argument("name")
@click.option(
    "--namespace",
    "-n",
    help="Namespace of the resource. Default: that of the kubeconfig's context.",
)
@click.option("--context", help="Context of the kubeconfig. Default: its current one.")
@click.option(
    "--timeout",
    type=Duration(),
    default="30m",
    show_default=True,
    help="How long to wait at most.",
)
@folder_options(required=False)
@json_option
def wait(
    *,
    name: str,
    namespace: str | None,
    context: str | None,
    timeout: float,
    folders: Folders | None,
    as_json: bool,
) -> None:
    """Wait for the run of a DatabaseMigration, show how it goes, and end as it does.

    The run is the one that the spec asks for as it is now: an earlier success does not count. Needs
    the right to `get` databasemigrations. Ending this command does not end the run.

    Exit codes: those of `meshmigrate apply` as the run ended: 0 at the target, 10 refused, 12
    awaiting approval, 20 rolled back, 21 failed, 22 halted, 23 rollback failed, 24 cancelled. Of
    this command: 2 no such resource or no access, 30 asked to stop, 33 timed out or the resource
    was deleted.
    """
    try:
        from meshmigrate.cli.wait_session import wait_and_exit
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"this command needs {error.name}, which is not installed: "
            "pip install 'meshmigrate[operator]'"
        ) from error
    wait_and_exit(
        name,
        namespace=namespace,
        context=context,
        timeout_seconds=timeout,
        folders=folders,
        as_json=as_json,
    )
