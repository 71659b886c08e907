"""What the runner of an attempt is told."""

from uuid import UUID

from meshmigrate.controller.mounts import CREDENTIALS, source_folders
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.runspec import Provenance, RunIdentity, RunSpec


def run_spec(
    resource: ObservedResource,
    spec: MigrationSpec,
    run: CurrentRun,
    allowed_hosts: tuple[str, ...],
) -> RunSpec:
    """Give the run spec."""
    provenance = spec.provenance
    return RunSpec(
        api_version=1,
        run=RunIdentity(id=UUID(run.id), number=run.number, attempt=run.attempt, intent=run.intent),
        folders=source_folders(spec.source),
        target=str(spec.target),
        allow_rollback=spec.allow_rollback,
        database=spec.database.access(CREDENTIALS, allowed_hosts),
        ledger=spec.ledger.of_the_run,
        approved_plan=spec.approved_plan,
        policy=spec.policy.of_the_run,
        provenance=Provenance(
            commit=provenance.commit,
            ref=provenance.ref,
            actor=provenance.actor,
            run_url=provenance.run_url,
        ),
        resource=str(resource.key),
        supersedes=UUID(run.supersedes) if run.supersedes else None,
        traceparent=run.traceparent,
    )
