"""What a step says about Jobs that nobody has seen yet: whether they have to be looked for."""

from meshmigrate.controller.decide import DeleteJob, Step, WriteStatus
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status


def note_absence(step: Step, resource: ObservedResource, listed: set[str]) -> None:
    """Note whether a Job that the cache lacks has to be looked for after a step.

    Not that of the first run of a resource: it is not there before this step has written it down.
    """
    match step:
        case DeleteJob(job=job):
            listed.discard(job.name)
        case WriteStatus(status=Status(current_run=CurrentRun(job_name=name))):
            if resource.status.run_number == 0:
                listed.add(name)
        case _:
            return
