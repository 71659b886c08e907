"""Where a change comes from: as options say, else as the CI system says in its environment."""

import os
from collections.abc import Mapping
from functools import wraps
from typing import Any

import click
from msgspec.structs import fields, replace

from meshmigrate.cli.options import Command
from meshmigrate.controller.spec import SourceProvenance


def provenance_options(command: Command) -> Command:
    """Give a command ``provenance``."""

    @click.option(
        "--commit",
        envvar="MESHMIGRATE_COMMIT",
        show_envvar=True,
        help="Commit of the files. Default, as of the next three: what GitHub Actions or GitLab CI "
        "say, else what the file says.",
    )
    @click.option(
        "--ref", envvar="MESHMIGRATE_REF", show_envvar=True, help="Branch or tag of the files."
    )
    @click.option(
        "--actor", envvar="MESHMIGRATE_ACTOR", show_envvar=True, help="Who asks for the change."
    )
    @click.option(
        "--run-url",
        envvar="MESHMIGRATE_RUN_URL",
        show_envvar=True,
        help="Where the CI run can be seen.",
    )
    @wraps(command)
    def with_provenance(
        *,
        commit: str | None,
        ref: str | None,
        actor: str | None,
        run_url: str | None,
        **others: Any,
    ) -> None:
        said = SourceProvenance(
            commit=commit or "", ref=ref or "", actor=actor or "", run_url=run_url or ""
        )
        command(provenance=prefer(said, provenance_of(os.environ)), **others)

    return with_provenance


def provenance_of(environment: Mapping[str, str]) -> SourceProvenance:
    """Read what the CI system says; nothing where there is none.

    The names are those of GitHub's documentation, "Default environment variables", and of
    GitLab's, "Predefined CI/CD variables".
    """

    def say(name: str) -> str:
        return environment.get(name, "")

    if say("GITHUB_ACTIONS") == "true":
        parts = say("GITHUB_SERVER_URL"), say("GITHUB_REPOSITORY"), say("GITHUB_RUN_ID")
        server, repository, run = parts
        return SourceProvenance(
            commit=say("GITHUB_SHA"),
            ref=say("GITHUB_REF"),
            actor=say("GITHUB_ACTOR"),
            run_url=f"{server}/{repository}/actions/runs/{run}" if all(parts) else "",
        )
    if say("GITLAB_CI") == "true":
        return SourceProvenance(
            commit=say("CI_COMMIT_SHA"),
            ref=say("CI_COMMIT_REF_NAME"),
            actor=say("GITLAB_USER_LOGIN"),
            run_url=say("CI_JOB_URL"),
        )
    return SourceProvenance()


def prefer(*sources: SourceProvenance) -> SourceProvenance:
    """Take each part from the first source that knows it."""
    chosen = SourceProvenance()
    for field in fields(SourceProvenance):
        said = (getattr(source, field.name) for source in sources)
        chosen = replace(chosen, **{field.name: next(filter(None, said), "")})
    return chosen
