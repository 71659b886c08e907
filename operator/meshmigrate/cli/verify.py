"""``meshmigrate verify``: whether the rollback scripts keep their promise."""

import sys
from pathlib import Path

import click

from meshmigrate.cli.folder_options import folder_options
from meshmigrate.cli.options import (
    FOLDER,
    ReadURL,
    database_options,
    examples,
    json_option,
    ledger_schema_option,
)
from meshmigrate.cli.run_options import role_option, search_path_option, target_option
from meshmigrate.domain.outcome import EXIT_FINDINGS
from meshmigrate.domain.runspec import TLS, Access, Folders
from meshmigrate.domain.schema_answers import PairProof, VerifyAnswer


@click.command(
    epilog=examples(
        "meshmigrate verify",
        "meshmigrate verify --target 20260105090000 --json",
        "meshmigrate verify --scratch-url-file /run/secrets/scratch-url",
        "meshmigrate verify --scratch-embedded",
        then="`meshmigrate plan` shows what apply would do, `meshmigrate apply` does it.",
    )
)
@database_options
@folder_options(required=True)
@target_option
@role_option
@search_path_option
@ledger_schema_option
@click.option(
    "--scratch-url-file",
    type=FOLDER,
    help="File with the URL of another server on which to make the scratch database. Default: "
    "the server of the database itself, where the role needs CREATEDB.",
)
@click.option(
    "--scratch-embedded",
    is_flag=True,
    help="Make the scratch database on a server of its own, started for it: "
    "pip install 'meshmigrate[verify]'.",
)
@click.option(
    "--no-keep",
    is_flag=True,
    help="Do not write into the database's ledger what was proven.",
)
@json_option
def verify(
    *,
    read_url: ReadURL,
    folders: Folders,
    target: str,
    role: str,
    search_path: tuple[str, ...],
    ledger_schema: str,
    scratch_url_file: Path | None,
    scratch_embedded: bool,
    no_keep: bool,
    as_json: bool,
) -> None:
    """Prove every pending pair of scripts: up, down, and up again, on a scratch database.

    The scratch database gets the schema of the real one, by pg_dump, and no data. Of the real one
    only the ledger is written to, if there is one: it keeps which pairs are proven, and runs say
    ScriptVerified of them from then on. After the way back the schema must be what it was before,
    after the second way up what it was after the first. Checks are not run, as they are about
    data. The scratch database is dropped at the end; one that a killed process left behind is
    dropped by the next.

    Exit codes: 0 every rollback script keeps its promise, 10 refused, 11 one does not,
    30 interrupted, 32 unreachable.
    """
    from meshmigrate.cli.answer import give_json, problems_told, tell_problem
    from meshmigrate.cli.start import read_credentials, read_url_file
    from meshmigrate.engine.clock import SystemClock
    from meshmigrate.engine.stop import stop_on_signals
    from meshmigrate.engine.tools import Tools
    from meshmigrate.engine.wanted import read_wanted
    from meshmigrate.review.verify import Target
    from meshmigrate.review.verify import verify as prove

    def tell(message: str) -> None:
        if not as_json:
            click.echo(message, err=True)

    if scratch_embedded and scratch_url_file:
        raise click.UsageError("give either --scratch-embedded or --scratch-url-file")
    with problems_told(as_json=as_json, folders=folders):
        scratch = None
        if scratch_url_file is not None:
            scratch = read_credentials(lambda: read_url_file(scratch_url_file), TLS())
        wanted = read_wanted(folders, target)
        stop = stop_on_signals(tell, lambda error: tell_problem(error, as_json=as_json))
        answer = prove(
            Target(
                parameters=read_url(),
                ledger_schema=ledger_schema,
                access=Access(role=role, search_path=search_path),
            ),
            wanted,
            Tools(clock=SystemClock(stop), stop=stop, events=lambda _: None),
            scratch_server=scratch,
            embedded=scratch_embedded,
            keep=not no_keep,
            tell=tell,
        )
        stop.end()
    if as_json:
        give_json(answer)
    else:
        _show(answer, folders)
    if any(proof.verdict.is_lie for proof in answer.proofs):
        sys.exit(EXIT_FINDINGS)


def _show(answer: VerifyAnswer, folders: Folders) -> None:
    from meshmigrate.cli.answer import give_rows
    from meshmigrate.cli.excerpt import error_lines

    if not answer.pending:
        click.echo("nothing to verify: no file is pending")
        return
    give_rows("verified", ("Version", "Name", "Verdict", "Why"), map(_row, answer.proofs))
    if answer.not_kept:
        click.echo(f"not kept as proven: {answer.not_kept}", err=True)
    for left_out in answer.not_copied:
        click.echo(f"not copied: {left_out}", err=True)
    lie = answer.proofs[-1]
    if not lie.verdict.is_lie:
        return
    for difference in lie.differences:
        click.echo(difference, err=True)
    if lie.failure is not None:
        for line in error_lines(lie.failure, folders):
            click.echo(line, err=True)
    rest = answer.pending - len(answer.proofs)
    if rest:
        click.echo(f"{rest} more not verified: they build on this one", err=True)


def _row(proof: PairProof) -> tuple[str, ...]:
    return (proof.version, proof.name, proof.verdict, proof.message)
