"""``meshmigrate runner``: what runs in the operator's Jobs."""

import os
from pathlib import Path
from typing import Final
from uuid import UUID

import click
from msgspec import DecodeError, json

from meshmigrate.cli.core_dumps import forbid_core_dumps
from meshmigrate.cli.foreign_lines import catch_foreign_lines
from meshmigrate.cli.mounted_credentials import MountedCredentials
from meshmigrate.cli.options import examples
from meshmigrate.cli.output import internal_error
from meshmigrate.cli.runner_log import RunnerLog, encode_for_people
from meshmigrate.cli.start import carry_out, refuse, traceparent_of
from meshmigrate.domain.errors import MigrationError, Refusal
from meshmigrate.domain.outcome import EXIT_INTERNAL_ERROR
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runner_log import LogFormat, encode_line
from meshmigrate.domain.runspec import RunIdentity, RunSpec, decode_spec
from meshmigrate.domain.trace_context import trace_id_of
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.events import Paced

_FILE: Final = click.Path(path_type=Path)
_RUNNING_EVERY: Final = 5.0
"""Seconds: the operator reads the log as often."""

_NO_RUN: Final = UUID(int=0)


@click.command(
    epilog=examples(
        "meshmigrate runner --spec spec.json --credentials credentials --result result",
        then="the operator reads the result; by hand there is `meshmigrate apply`.",
    )
)
@click.option("--spec", "spec_file", type=_FILE, required=True, help="The run spec, as JSON.")
@click.option(
    "--credentials",
    type=_FILE,
    required=True,
    help="The folder with the database URL as the file url, or with the parts of the connection.",
)
@click.option(
    "--result",
    "result_file",
    type=_FILE,
    default=Path("/dev/termination-log"),
    show_default=True,
    help="Where the result goes, as JSON of at most 4096 bytes.",
)
@click.option(
    "--log-format",
    envvar="LOG_FORMAT",
    type=click.Choice(["json", "console"]),
    default="json",
    show_default=True,
    help="Lines for machines, or for people; the operator reads only the former.",
)
def runner(spec_file: Path, credentials: Path, result_file: Path, log_format: LogFormat) -> None:
    """Carry out one run spec: JSON lines to the output, the result to a file.

    Exit codes are those of `meshmigrate apply`.
    """
    forbid_core_dumps()
    log = RunnerLog(encode_for_people if log_format == "console" else encode_line)
    catch_foreign_lines(log)
    try:
        ending = _run(spec_file, credentials, result_file, log)
        exit_code = ending.outcome.exit_code
    except Exception as error:  # noqa: BLE001  the last line of defence: nothing else may print
        log.write("error", "internal-error", " next: ".join(internal_error(error)))
        exit_code = EXIT_INTERNAL_ERROR
    # Everything is written and closed, and taking the interpreter apart would keep the operator
    # waiting for another 40 ms (measured).
    os._exit(exit_code)


def _run(spec_file: Path, credentials: Path, result_file: Path, log: RunnerLog) -> Ending:
    def show(ending: Ending) -> None:
        result_file.write_bytes(ending.encoded)

    try:
        spec = _read_spec(spec_file)
    except MigrationError as error:
        log.run = RunIdentity(id=_run_id(spec_file))
        ending = refuse(log.run, error, log)
        show(ending)
        return ending
    log.run, log.resource = spec.run, spec.resource
    log.trace_id = trace_id_of(spec.run.id, traceparent_of(spec), os.environ)
    return carry_out(
        spec,
        MountedCredentials(credentials, spec.database, spec.resource.partition("/")[0]),
        Paced(log, _RUNNING_EVERY),
        show,
    )


def _read_spec(path: Path) -> RunSpec:
    try:
        return decode_spec(path.read_bytes())
    except OSError as error:
        raise Refusal(
            Reason.INVALID_SPEC,
            f"the run spec cannot be read: {path}: {error.strerror}",
            hint="The operator mounts it into the Job's pod: look at the pod's events.",
        ) from None


def _run_id(path: Path) -> UUID:
    """Give the id in a spec that is otherwise not understood, as far as there is one."""
    try:
        return UUID(json.decode(path.read_bytes())["run"]["id"])
    except (OSError, DecodeError, LookupError, TypeError, ValueError, AttributeError):
        return _NO_RUN
