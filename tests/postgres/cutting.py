"""Runs that end without a word in the middle of their work, and attempts that cancel them."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy, RunSpec
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import Database, Project, attempt, make_spec

PER_FILE = Policy(transaction_mode="PerFile")
"""One transaction for all files would undo itself, and there would be nothing to take back."""


class PulledPlugError(Exception):
    """Ends an attempt without a chance to clean up."""


def cut_off(
    database: Database, project: Project, at: EventName, version: str, *, policy: Policy = PER_FILE
) -> RunSpec:
    """Begin a run that dies when it tells of this event."""

    def die(event: Event) -> None:
        if (event.name, event.version) == (at, version):
            raise PulledPlugError

    spec = make_spec(project, policy=policy)
    with pytest.raises(PulledPlugError):
        attempt(database, spec, during=die)
    return spec


def undoing(project: Project, run_id: UUID, number: int = 2) -> RunSpec:
    """Give the spec of an attempt that cancels a run."""
    spec = make_spec(project, run_id=run_id, attempt=number)
    return replace(spec, run=replace(spec.run, intent="undo"))


def cancel(database: Database, project: Project, spec: RunSpec) -> Result:
    """Cancel a run."""
    return attempt(database, undoing(project, spec.run.id)).result
