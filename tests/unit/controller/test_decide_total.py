"""Whatever there is to see, there is a decision: no observation is an error."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from meshmigrate.controller.decide import SetFinalizers, WriteStatus, decide
from meshmigrate.controller.observed import (
    Json,
    Observed,
    observe_event,
    observe_job,
    observe_pod,
    observe_resource,
)
from tests.unit.controller.scripted_cluster import KEY, SPEC, START, UID, resource_body

JOB = "web-c39d3a00-1-1"
TIMES = st.sampled_from(
    [
        "2026-01-02T03:04:05Z",
        "2020-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
        "",
        "soon",
        "2026-01-02",
    ]
)
NUMBERS = st.sampled_from([1, 2, 0, -1, 10**12])
TEXTS = st.sampled_from(["", "RunnerLost", "Abandoned", "DatabaseUnreachable", "Ä"])
RUN_IDS = st.sampled_from([*["22a0faa0-df40-570a-a1dc-cd17913917f7"] * 3, "", "no-uuid"])


GOOD_TIME = "2026-01-02T03:04:05Z"
SOME_TIME = st.one_of(st.just(GOOD_TIME), st.just(GOOD_TIME), TIMES)
RUNS = st.fixed_dictionaries(
    {
        "id": RUN_IDS,
        "number": NUMBERS,
        "attempt": NUMBERS,
        "intent": st.sampled_from(["apply", "undo"]),
        "jobName": st.sampled_from([JOB, "other"]),
        "specHash": TEXTS,
        "startedAt": SOME_TIME,
    },
    optional={
        "spec": st.sampled_from([SPEC, {}, {"database": 1}]),
        "begun": st.booleans(),
        "cancelled": st.booleans(),
        "attemptStartedAt": SOME_TIME,
        "troubleSince": SOME_TIME,
        "lostPods": NUMBERS,
        "lastAttempt": st.fixed_dictionaries(
            {
                "attempt": NUMBERS,
                "outcome": TEXTS,
                "reason": TEXTS,
                "message": TEXTS,
                "endedAt": SOME_TIME,
            }
        ),
    },
)
STATUSES = st.fixed_dictionaries(
    {"currentRun": RUNS},
    optional={
        "phase": TEXTS,
        "runNumber": st.one_of(NUMBERS, TEXTS),
        "observedGeneration": NUMBERS,
        "lastRunRequest": TEXTS,
    },
)
STATES = st.one_of(
    st.just({"running": {"startedAt": "2026-01-02T03:04:05Z"}}),
    st.just({"waiting": {"reason": "ImagePullBackOff", "message": "no"}}),
    st.builds(
        lambda code, text: {"terminated": {"exitCode": code, "message": text}},
        st.sampled_from([0, 1, 2, 10, 20, 21, 22, 23, 24, 30, 31, 32, 137, 255]),
        st.sampled_from(["", "{}", "not json", '{"apiVersion": 1}']),
    ),
    st.just({}),
)


def meta(name: str, number: int, *, ours: bool, going: bool) -> Json:
    """Give the metadata of a Job or a pod."""
    labels = {
        "migrations.meshhook.dev/resource-uid": UID if ours else "another",
        "migrations.meshhook.dev/run": str(number),
        "migrations.meshhook.dev/attempt": str(number),
        "batch.kubernetes.io/job-name": name,
    }
    return {
        "name": name,
        "namespace": KEY.namespace,
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "labels": labels,
        "annotations": {"migrations.meshhook.dev/resource": KEY.name},
        **({"deletionTimestamp": "2026-01-02T03:05:05Z"} if going else {}),
    }


METAS = st.builds(
    meta, st.sampled_from([JOB, "other"]), NUMBERS, ours=st.booleans(), going=st.booleans()
)
JOBS = st.builds(
    lambda meta, over, volumes: {
        "metadata": meta,
        "spec": {"template": {"spec": {"volumes": volumes}}},
        "status": {"conditions": [{"type": over, "status": "True"}] if over else []},
    },
    METAS,
    st.sampled_from(["", "Complete", "Failed"]),
    st.sampled_from([[], [{"name": "source-0"}]]),
)
PODS = st.builds(
    lambda meta, phase, state: {
        "metadata": meta,
        "status": {"phase": phase, "containerStatuses": [{"name": "runner", "state": state}]},
    },
    METAS,
    st.sampled_from(["Pending", "Running", "Failed", "Succeeded"]),
    STATES,
)
EVENTS = st.just(
    {
        "reason": "FailedCreate",
        "message": "exceeded quota",
        "lastTimestamp": "2026-01-02T03:04:05Z",
        "metadata": {},
    }
)


@settings(deadline=None, max_examples=300)
@given(
    status=STATUSES,
    spec=st.sampled_from([SPEC, {}, {**SPEC, "suspend": True}, {"sauce": 1}]),
    deleted=st.booleans(),
    jobs=st.lists(JOBS, max_size=3),
    pods=st.lists(PODS, max_size=3),
    events=st.lists(EVENTS, max_size=1),
    refusal=TEXTS,
    later=st.integers(-400, 10**6),
)
def test_there_is_always_a_decision(
    *,
    status: Json,
    spec: Json,
    jobs: list[Json],
    pods: list[Json],
    events: list[Json],
    refusal: str,
    later: int,
    deleted: bool,
) -> None:
    """A status overwritten by hand, Jobs of others, pods in any state, any clock; and it ends."""
    body = resource_body(spec=spec, status=status)
    if deleted:
        body["metadata"]["deletionTimestamp"] = "2026-01-02T03:05:05Z"
    observed = Observed(
        resource=observe_resource(body),
        now=START + timedelta(seconds=later),
        jobs=tuple(observe_job(job) for job in jobs),
        pods=tuple(observe_pod(pod) for pod in pods),
        events=tuple(observe_event(event) for event in events),
        job_refusal=refusal,
    )
    for _ in range(12):
        step = decide(observed)
        if isinstance(step, WriteStatus):
            resource = replace(observed.resource, status=step.status)
        elif isinstance(step, SetFinalizers):
            resource = replace(observed.resource, finalizers=step.finalizers)
        else:
            return
        observed = replace(observed, resource=resource)
    raise AssertionError("twelve writes, and still nothing but writes")
