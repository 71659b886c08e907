"""GitHub Actions: an error at its line of the pull request, and a summary of the step.

Workflow commands and the summary file are described in GitHub's documentation, "Workflow
commands for GitHub Actions". Commands go to standard error, which the runner reads too, so that
standard output stays what a program reads.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from meshmigrate.cli.excerpt import find_file
from meshmigrate.domain.answers import Problem
from meshmigrate.domain.result import FailureDetail, Result, Versions
from meshmigrate.domain.runspec import Folders

_MARK: Final = "GITHUB_ACTIONS"


def report(
    answer: Result | Problem,
    folders: Folders | None,
    command: str,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Annotate the failing line and add to the step's summary, where this is GitHub Actions.

    A summary that cannot be written changes nothing about how the command ended.
    """
    if environment.get(_MARK) != "true":
        return
    if answer.failure is not None:
        workspace = Path(environment.get("GITHUB_WORKSPACE") or Path.cwd())
        title = f"{answer.outcome}: {answer.reason}"
        level = "warning" if answer.outcome.succeeded else "error"
        click.echo(annotation(answer.failure, folders, title, workspace, level), err=True)
    _add_to_summary(summary_lines(answer, command), environment)


def report_no_end(title: str, message: str, environment: Mapping[str, str] = os.environ) -> None:
    """Say the same way that the end of a run was not seen."""
    if environment.get(_MARK) != "true":
        return
    click.echo(annotation(FailureDetail(message=message), None, title, Path.cwd()), err=True)
    _add_to_summary((f"### ❌ {title}", "", _text(message)), environment)


def _add_to_summary(lines: Iterable[str], environment: Mapping[str, str]) -> None:
    summary = environment.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            click.echo(f"warning: no step summary: {error.strerror}", err=True)


def annotation(
    failure: FailureDetail,
    folders: Folders | None,
    title: str,
    workspace: Path,
    level: str = "error",
) -> str:
    """Give the workflow command that shows an error beside its line."""
    properties = [("title", title)]
    path = find_file(failure, folders)
    if path is not None:
        resolved, root = path.resolve(), workspace.resolve()
        shown = resolved.relative_to(root) if resolved.is_relative_to(root) else resolved
        properties = [
            ("file", str(shown)),
            ("line", str(failure.line or "")),
            ("col", str(failure.column or "")),
            *properties,
        ]
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties if value)
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    hint = f"\nnext: {failure.hint}" if failure.hint else ""
    return f"::{level} {listed}::{_data(f'{failure.message}{code}{hint}')}"


def summary_lines(answer: Result | Problem, command: str) -> Iterator[str]:
    """Give what the summary of the step says, in Markdown."""
    mark = "✅" if answer.outcome.succeeded else "❌"
    yield f"### {mark} {command}: {answer.outcome}"
    yield ""
    yield _text(answer.message)
    yield ""
    if isinstance(answer, Result):
        yield "| | |"
        yield "|---|---|"
        for name, value in _facts(answer):
            yield f"| {name} | {_text(value)} |"
        yield ""
    failure = answer.failure
    if failure is not None:
        place = ":".join(str(part) for part in (failure.file, failure.line, failure.column) if part)
        if place:
            yield f"- where: `{place}`"
        yield f"- what: {_text(failure.message)}"
        if failure.hint:
            yield f"- next: {_text(failure.hint)}"
    if isinstance(answer, Result):
        yield from (f"- {_text(difference)}" for difference in answer.differences)


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    if result.database is not None:
        yield "database", result.database.name
    yield "version", result.current_version or "none"
    yield "applied", _versions(result.applied)
    if result.rolled_back.count:
        yield "rolled back", _versions(result.rolled_back)
    if result.fingerprint is not None and result.fingerprint.expected:
        yield "schema expected", result.fingerprint.expected
        yield "schema after", result.fingerprint.after
    yield "pending", str(result.pending_count)
    yield "time", f"{result.duration_seconds:.1f} s"
    yield "run", result.run_id


def _versions(versions: Versions) -> str:
    if versions.count <= 1:
        return versions.first or "nothing"
    return f"{versions.count}: {versions.first} to {versions.last}"


def _text(text: str) -> str:
    """Take from a text what Markdown or HTML would make something of."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in "\\`*_[]|#" else char for char in plain)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
