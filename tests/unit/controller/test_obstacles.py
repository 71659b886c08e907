"""Why a container has not started is named, with what to do; nothing needs to be edited."""

from datetime import timedelta

import pytest

from meshmigrate.controller.observed import Json, ObservedJob
from meshmigrate.controller.port import ClusterError
from meshmigrate.domain.outcome import Outcome
from tests.scripted.faults import CRASH_AFTER, CRASH_BEFORE
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import KEY, NAMESPACE

MOUNT = 'MountVolume.SetUp failed for volume "{}" : {}'


def fail_mount(story: Story, volume: str, said: str) -> None:
    """Let the kubelet fail to mount a volume, and let the operator look six seconds later."""
    story.cluster.waiting_pod(story.job)
    story.cluster.clock.pass_time(timedelta(seconds=6))
    story.cluster.tell(f"uid-{story.job}-x", "FailedMount", MOUNT.format(volume, said))
    story.look()


@pytest.mark.parametrize(
    ("volume", "said", "reason", "named"),
    [
        ("credentials", 'secret "db" not found', "SecretNotFound", '"DATABASE_URL"'),
        (
            "credentials",
            "references non-existent secret key: DATABASE_URL",
            "SecretKeyNotFound",
            'Secret "db" has no key "DATABASE_URL"',
        ),
        ("source-0", 'configmap "web-1" not found', "ConfigMapNotFound", 'ConfigMap "web-1"'),
    ],
)
def test_what_is_missing_is_named(
    started: Story, volume: str, said: str, reason: str, named: str
) -> None:
    """A missing Secret, key or ConfigMap is named by its name, and what to do is said."""
    fail_mount(started, volume, said)
    assert started.status["phase"] == "Pending"
    assert started.ready()["reason"] == reason
    assert named in started.ready()["message"]
    assert "nothing else needs to be edited" in started.ready()["message"]
    assert reason in {event["reason"] for event in started.cluster.told.values()}


CONNECTION = {
    "host": {"value": "db"},
    "dbname": {"value": "app"},
    "user": {"secretKeyRef": {"name": "web-app", "key": "username"}},
    "password": {"secretKeyRef": {"name": "web-app", "key": "password"}},
}
TLS = {
    "rootCertificate": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}},
    "clientCertificate": {"secretRef": {"name": "client"}},
}


@pytest.mark.parametrize(
    ("said", "reason", "named"),
    [
        (
            'secret "web-app" not found',
            "SecretNotFound",
            'key "username" holding the user of the connection and the key "password" holding the',
        ),
        (
            "references non-existent secret key: tls.key",
            "SecretKeyNotFound",
            'Secret "client" has no key "tls.key"; add that key holding the key of the client',
        ),
        (
            '[secret "client" not found, references non-existent config key: ca.crt]',
            "SecretNotFound",
            'Secret "client" does not exist',
        ),
        (
            'configmap "ca" not found',
            "ConfigMapNotFound",
            '"ca.crt" holding the certificate of the server\'s authority',
        ),
        (
            "references non-existent config key: ca.crt",
            "ConfigMapKeyNotFound",
            'ConfigMap "ca" has no key "ca.crt"',
        ),
    ],
)
def test_a_missing_part_is_named_with_what_it_is(
    started: Story, said: str, reason: str, named: str
) -> None:
    """The kubelet tells one volume; the resource knows which Secret and what for."""
    database = {"connection": CONNECTION, "tls": TLS}
    started.cluster.edit(lambda body: body["spec"].update(database=database))
    started.look()
    fail_mount(started, "credentials", said)
    assert started.ready()["reason"] == reason
    assert named in started.ready()["message"]


def test_the_latest_word_about_a_volume_counts(started: Story) -> None:
    """A Secret that was created without the key is no longer missing."""
    fail_mount(started, "credentials", 'secret "db" not found')
    fail_mount(started, "credentials", "references non-existent secret key: DATABASE_URL")
    assert started.ready()["reason"] == "SecretKeyNotFound"


def test_an_obstacle_that_stays_is_written_once(started: Story) -> None:
    """Looking again at the same obstacle writes nothing."""
    fail_mount(started, "credentials", 'secret "db" not found')
    writes = [call for call in started.cluster.calls if call.startswith("write")]
    fail_mount(started, "credentials", 'secret "db" not found')
    assert writes == [call for call in started.cluster.calls if call.startswith("write")]


def test_a_failing_webhook_is_told_like_a_refusal(
    applied: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server calls it an internal error; what keeps the Job from being is the same."""

    async def fail(manifest: Json) -> ObservedJob:
        raise ClusterError(f"create {manifest['kind']}: 500 failed calling webhook")

    monkeypatch.setattr(applied.cluster, "create_job", fail)
    applied.look()
    assert applied.ready()["reason"] == "PodNotCreated"
    assert "failed calling webhook" in applied.ready()["message"]


def test_an_obstacle_is_over_when_the_container_starts(started: Story) -> None:
    """What was missing appeared: the run goes on without anybody editing anything."""
    fail_mount(started, "credentials", 'secret "db" not found')
    job = started.job
    started.cluster.start_pod(job)
    started.look()
    assert started.status["phase"] == "Running"
    ends_with(Outcome.SUCCEEDED)(started.cluster, job)
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert started.cluster.created_jobs == [job]


def test_an_obstacle_past_the_retry_deadline_stalls_the_resource(started: Story) -> None:
    """After an hour a person is told that one is needed, and it still goes on by itself."""
    fail_mount(started, "credentials", 'secret "db" not found')
    assert started.status["phase"] == "Pending"
    started.cluster.clock.pass_time(timedelta(hours=1))
    started.look()
    assert started.status["phase"] == "Retrying"
    assert started.conditions()["Stalled"] == "True"
    assert started.ready()["reason"] == "SecretNotFound"
    started.cluster.start_pod(started.job)
    started.look()
    assert started.status["phase"] == "Running", "what was missing is there"
    assert started.conditions()["Stalled"] == "False"


def test_give_up_deletes_a_job_that_never_started(started: Story) -> None:
    """With GiveUp a Secret that comes too late must not start the run."""
    retry = {"deadlineSeconds": 60, "afterDeadline": "GiveUp"}
    started.cluster.edit(lambda body: body["spec"]["policy"].update(retry=retry))
    started.look()
    fail_mount(started, "credentials", 'secret "db" not found')
    started.cluster.clock.pass_time(timedelta(minutes=2))
    started.look()
    assert started.status["phase"] == "Failed"
    assert started.ready()["reason"] == "SecretNotFound"
    assert started.cluster.jobs == {}


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ErrImagePull", "manifest unknown"),
        ("ImagePullBackOff", 'Back-off pulling image "runner:1": ErrImagePull: manifest unknown'),
    ],
)
def test_an_image_that_cannot_be_pulled_is_said_in_the_same_words(
    started: Story, reason: str, said: str
) -> None:
    """The kubelet changes between two reasons; the message does not flap with it."""
    started.cluster.waiting_pod(started.job, reason, said)
    started.look()
    assert started.ready()["reason"] == "ImagePullFailed"
    assert "cannot be pulled: manifest unknown;" in started.ready()["message"]


IMAGE = f"registry.example.com/app@sha256:{'0' * 64}"


def take_from_an_image(story: Story) -> None:
    """Let the files come from an image."""
    source = {"image": {"reference": IMAGE}}
    story.cluster.edit(lambda body: body["spec"].update(source=source))


def test_a_source_image_that_cannot_be_pulled_is_told_from_the_runners(started: Story) -> None:
    """With the pull Secrets: of one that is missing the kubelet says nothing here."""
    take_from_an_image(started)
    job = {"imagePullSecrets": [{"name": "registry"}]}
    started.cluster.edit(lambda body: body["spec"].update(job=job))
    started.look()
    said = f'Back-off pulling image "{IMAGE}": ErrImagePull: denied'
    started.cluster.waiting_pod(started.job, "ImagePullBackOff", said)
    started.look()
    assert started.ready()["reason"] == "ImagePullFailed"
    assert f"the image {IMAGE} of spec.source cannot be pulled" in started.ready()["message"]
    assert 'check that the Secrets "registry" of spec.job exist' in started.ready()["message"]


def test_a_cluster_without_image_volumes_refuses_for_good(applied: Story) -> None:
    """The API server drops the volume without a word and makes the Job, which must not run."""
    take_from_an_image(applied)
    applied.cluster.image_volumes = False
    applied.look()
    assert (applied.status["phase"], applied.ready()["reason"]) == (
        "Refused",
        "ImageVolumeUnsupported",
    )
    assert "Kubernetes 1.35" in applied.ready()["message"]
    assert applied.conditions()["Stalled"] == "True"
    assert applied.status["lastRun"]["outcome"] == "Refused"
    assert len(applied.cluster.created_jobs) == 1
    assert applied.cluster.jobs == {}


def test_a_node_without_image_volumes_refuses_for_good(started: Story) -> None:
    """The API server has them, the kubelet has not; the Job goes."""
    take_from_an_image(started)
    started.look()
    fail_mount(
        started, "source-0", "failed to get Plugin from volumeSpec: no volume plugin matched"
    )
    assert started.ready()["reason"] == "ImageVolumeUnsupported"
    assert started.cluster.jobs == {}


def test_a_missing_service_account_is_named(started: Story) -> None:
    """Only the Job's event tells."""
    started.cluster.clock.pass_time(timedelta(seconds=6))
    uid = started.cluster.jobs[started.job]["metadata"]["uid"]
    said = (
        'Error creating: pods "web-" is forbidden: error looking up service account app/runner: '
        'serviceaccount "runner" not found'
    )
    started.cluster.tell(uid, "FailedCreate", said)
    started.look()
    assert started.ready()["reason"] == "ServiceAccountNotFound"
    assert 'ServiceAccount "runner" does not exist' in started.ready()["message"]


def test_a_pod_that_has_not_started_is_replaced_when_its_settings_are_corrected(
    started: Story,
) -> None:
    """It may be just what kept it from starting; once it runs an edit waits for the next one."""
    started.cluster.waiting_pod(started.job, "")
    job = started.job
    started.cluster.edit(lambda body: body["spec"].update(job={"nodeSelector": {"disk": "ssd"}}))
    started.look()
    assert list(started.cluster.jobs) == [started.job] != [job]
    assert (started.status["runNumber"], started.status["currentRun"]["attempt"]) == (1, 2)
    template = started.cluster.jobs[started.job]["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    started.cluster.start_pod(started.job)
    started.look()
    job = started.job
    started.cluster.edit(lambda body: body["spec"].update(job={}))
    started.look()
    assert started.job == job


def test_a_container_that_cannot_be_made_says_why(started: Story) -> None:
    """Any other reason of the kubelet is passed on with its message."""
    said = "container has runAsNonRoot and image will run as root"
    started.cluster.waiting_pod(started.job, "CreateContainerConfigError", said)
    started.look()
    assert started.ready()["reason"] == "PodNotStarted"
    assert said in started.ready()["message"]


def test_a_pod_without_a_node_says_why(started: Story) -> None:
    """The scheduler's message is passed on."""
    pod = started.cluster.waiting_pod(started.job, "")
    said = "0/1 nodes are available: 1 Insufficient cpu."
    pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": said}]
    started.look()
    assert started.ready()["reason"] == "PodNotStarted"
    assert said in started.ready()["message"]


def test_a_pod_that_is_not_created_says_why(started: Story) -> None:
    """A quota or a policy is known only from the Job's event."""
    started.cluster.clock.pass_time(timedelta(seconds=6))
    uid = started.cluster.jobs[started.job]["metadata"]["uid"]
    started.cluster.tell(uid, "FailedCreate", "exceeded quota: pods")
    started.look()
    assert started.ready()["reason"] == "PodNotCreated"
    assert "exceeded quota: pods" in started.ready()["message"]


def test_a_job_that_is_refused_says_why_and_is_tried_again(applied: Story) -> None:
    """The API server's words are passed on, once; the Job follows when it is let through."""
    applied.cluster.refuse_jobs = 'admission webhook "policy" denied the request'
    applied.look()
    assert applied.ready()["reason"] == "PodNotCreated"
    assert 'admission webhook "policy"' in applied.ready()["message"]
    writes = len([call for call in applied.cluster.calls if call.startswith("write")])
    applied.look()
    assert writes == len([call for call in applied.cluster.calls if call.startswith("write")])
    applied.cluster.refuse_jobs = ""
    applied.look()
    assert applied.cluster.created_jobs == [applied.job]


def test_a_job_of_somebody_else_is_left_alone(applied: Story) -> None:
    """A Job of our name without our uid is neither adopted nor deleted."""
    applied.cluster.faults = {2: CRASH_BEFORE}  # between the finalizer and the Job
    applied.cluster.calls.clear()
    applied.look()
    job = applied.job
    foreign = applied.cluster.jobs[job]
    foreign["metadata"]["labels"] = {}
    foreign["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    applied.look()
    assert applied.ready()["reason"] == "JobNameTaken"
    assert job in applied.ready()["message"]
    assert applied.cluster.jobs[job] is foreign
    del applied.cluster.jobs[job]
    applied.look()
    assert applied.cluster.created_jobs == [job, job]


def test_our_own_job_is_adopted(applied: Story) -> None:
    """A Job whose creation was answered too late is found, not created again."""
    applied.cluster.faults = {2: CRASH_AFTER}
    applied.look()
    assert applied.cluster.calls[2] == "create job"
    assert applied.operator.crashes == 1
    assert applied.cluster.created_jobs == [applied.job]
    assert KEY.namespace == NAMESPACE
