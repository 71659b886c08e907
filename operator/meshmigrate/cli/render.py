"""``meshmigrate render``: what CI applies to a cluster."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meshmigrate.cli.folder_options import folder_options
from meshmigrate.cli.options import FOLDER, examples
from meshmigrate.cli.provenance import provenance_options
from meshmigrate.domain.runspec import Folders

if TYPE_CHECKING:
    from meshmigrate.cli.config_maps import ConfigMap
    from meshmigrate.controller.spec import SourceProvenance

_LABEL_LENGTH: Final = 63
"""Of a label's value (Kubernetes documentation, "Labels and Selectors")."""


@click.command(
    epilog=examples(
        "meshmigrate render web --secret meshhook-secrets/DATABASE_URL | kubectl apply -f -",
        "meshmigrate render --from deploy/web.yaml --output deploy/rendered",
        "meshmigrate render --from deploy/web.yaml --set policy.onFailure=Halt",
        then="after `kubectl apply`, `meshmigrate wait NAME` shows the run and ends as it does.",
    )
)
@click.argument("name", required=False)
@folder_options(required=True)
@click.option(
    "--from",
    "base_file",
    type=FOLDER,
    metavar="FILE",
    help="YAML of a DatabaseMigration without source, to be completed.",
)
@click.option("--namespace", "-n", help="Namespace of everything. Default: what the file says.")
@click.option(
    "--secret",
    metavar="NAME/KEY",
    help="Secret and key that hold the database's URL. Default: what the file says.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Field of the spec, such as policy.onFailure=Halt; the value may be JSON; may be "
    "repeated.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="Label of everything; may be repeated.",
)
@provenance_options
@click.option(
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Write DIR/NAME.yaml instead of standard output.",
)
def render(
    *,
    name: str | None,
    folders: Folders,
    base_file: Path | None,
    namespace: str | None,
    secret: str | None,
    assignments: tuple[str, ...],
    labels: tuple[str, ...],
    provenance: "SourceProvenance",
    output: Path | None,
) -> None:
    """Print a DatabaseMigration, and immutable ConfigMaps with its files, as YAML.

    Needs no database and no cluster. Every file is checked as `plan` does before anything is
    printed. The same input gives the same bytes; other files give ConfigMaps of other names, so
    that applying the output starts a run.

    Exit codes: 0 rendered, 2 usage error, 10 refused.
    """
    from meshmigrate.cli.answer import problems_told
    from meshmigrate.cli.manifest import complete, empty_base, read_base
    from meshmigrate.cli.output import until_closed
    from meshmigrate.cli.yaml_text import dump_documents
    from meshmigrate.domain.trace_context import TraceContext

    marks = dict(_pair(label, "--label") for label in labels)
    with problems_told(as_json=False, folders=folders):
        base = read_base(base_file) if base_file else empty_base()
        _fill_in(base, name=name, namespace=namespace, secret=secret, assignments=assignments)
        name = base["metadata"]["name"]
        config_maps = _read(name, folders)
        trace = TraceContext.parse(os.environ.get("TRACEPARENT", ""))
        text = dump_documents(complete(base, config_maps, provenance, marks, trace))
    if output is None:
        with until_closed():
            click.echo(text.encode(), nl=False)  # YAML is UTF-8, whatever the terminal is
    else:
        _write(output, f"{name}.yaml", text)
    if any(each.large for each in config_maps):
        click.echo("warning: apply this with `kubectl apply --server-side`: it is large", err=True)


def _fill_in(
    base: dict[str, Any],
    *,
    name: str | None,
    namespace: str | None,
    secret: str | None,
    assignments: tuple[str, ...],
) -> None:
    """Put into the resource what the command line says, and see that it is enough."""
    from meshmigrate.cli.manifest import assign

    metadata, spec = base["metadata"], base["spec"]
    metadata |= {key: said for key, said in (("name", name), ("namespace", namespace)) if said}
    if secret:
        secret_name, key = _pair(secret, "--secret", "/")
        spec["database"] = spec.get("database") or {}
        spec["database"]["url"] = {"secretKeyRef": {"name": secret_name, "key": key}}
    for assignment in assignments:
        field, value = _pair(assignment, "--set")
        try:
            assign(spec, field, value)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--set") from error
    if not metadata.get("name"):
        raise click.UsageError("which resource? Give its NAME, or a file with --from FILE")
    if len(metadata["name"]) > _LABEL_LENGTH:
        raise click.UsageError(f"the name is longer than {_LABEL_LENGTH} characters")
    if not spec.get("database"):
        raise click.UsageError("which database? Give --secret NAME/KEY, or a file with --from FILE")


def _pair(text: str, option: str, separator: str = "=") -> tuple[str, str]:
    before, found, after = text.partition(separator)
    if not (before and found):
        raise click.BadParameter(f"{text!r} has no {separator}", param_hint=option)
    return before, after


def _read(name: str, folders: Folders) -> "list[ConfigMap]":
    """Read and check the files as a plan does, and divide them among ConfigMaps."""
    from meshmigrate.cli.config_maps import pack
    from meshmigrate.engine.prepared import prepare_migration, prepare_script
    from meshmigrate.source.folder import read_raw, read_source

    source = read_source(folders)
    for check in source.final_checks:
        prepare_script(check)
    for migration in source.migrations:
        prepare_migration(migration)
    return pack(
        name,
        (
            ("migrations", read_raw(folders.migrations)),
            ("rollbacks", read_raw(folders.rollbacks)),
            ("checks", read_raw(folders.checks)),
        ),
    )


def _write(folder: Path, name: str, text: str) -> None:
    """Replace the file as a whole, so that nobody reads half of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.new"
        draft.write_bytes(text.encode())
        draft.replace(folder / name)
    except OSError as error:
        raise click.UsageError(f"{folder / name} cannot be written: {error.strerror}") from error
