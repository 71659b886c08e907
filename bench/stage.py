"""Where the bench runs: a namespace, a PostgreSQL with a database per run, and what they share."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.api import Api
from hack.demo.setting import PASSWORD, database_url, start_postgres
from hack.demo.shell import Shell

NAMESPACE: Final = "meshmigrate-bench"
DATABASE_MIGRATIONS: Final = (
    f"/apis/migrations.meshhook.dev/v1alpha1/namespaces/{NAMESPACE}/databasemigrations"
)
JOBS: Final = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS: Final = f"/api/v1/namespaces/{NAMESPACE}/pods"

_CORE: Final = f"/api/v1/namespaces/{NAMESPACE}"
_EXAMPLE: Final = Path("examples/webhooks")
_KINDS: Final = ("migrations", "rollbacks", "checks")

TELL_THE_TIME: Final = ("python3", "-c", "import time; print(time.time())")
"""For a bare Job: write the time to the log, and end."""
MIGRATE: Final = (
    *("meshmigrate", "apply", "--database-url-file", "/mnt/secret/DATABASE_URL"),
    *(part for kind in _KINDS for part in (f"--{kind}", f"/mnt/{kind}")),
)
"""For a bare Job: do what a run does, by the command line."""


def prepare(shell: Shell, api: Api, runs: list[str]) -> None:
    """Make the namespace anew, with one empty database and one Secret for each run."""
    shell.run(f"kubectl delete namespace {NAMESPACE} --ignore-not-found --timeout=2m")
    start_postgres(shell, NAMESPACE)
    for kind in _KINDS:
        files = {path.name: path.read_text() for path in (_EXAMPLE / kind).glob("*.sql")}
        api.create(f"{_CORE}/configmaps", {"metadata": {"name": kind}, "data": files})
    for run in runs:
        query(shell, f'create database \\"{run}\\"')
        secret = {"DATABASE_URL": database_url(PASSWORD, run)}
        api.create(f"{_CORE}/secrets", {"metadata": {"name": run}, "stringData": secret})


def query(shell: Shell, sql: str, *, database: str = "postgres") -> str:
    """Give the rows of a query on the bench's server."""
    return shell.ask(
        f"kubectl -n {NAMESPACE} exec deployment/postgres --"
        f' psql -U postgres -d {database} -At -c "{sql}"'
    ).strip()


def apply(api: Api, run: str) -> float:
    """Create a DatabaseMigration and give the moment before."""
    manifest = {
        "apiVersion": "migrations.meshhook.dev/v1alpha1",
        "kind": "DatabaseMigration",
        "metadata": {"name": run},
        "spec": {
            "database": {"url": {"secretKeyRef": {"name": run, "key": "DATABASE_URL"}}},
            "source": {"configMaps": [{"name": kind, "content": kind} for kind in _KINDS]},
        },
    }
    began = time.monotonic()
    api.create(DATABASE_MIGRATIONS, manifest)
    return began


def apply_bare_job(
    api: Api, name: str, image: str, *, run: str, command: Sequence[str] = TELL_THE_TIME
) -> None:
    """Create a Job that runs a command, by default one that ends at once.

    Image, security settings, Secret and ConfigMaps are those of the run's own Job.
    """
    volumes: list[dict[str, Any]] = [
        {"name": "secret", "secret": {"secretName": run}},
        *({"name": kind, "configMap": {"name": kind}} for kind in _KINDS),
    ]
    container = {
        "name": "bare",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(command),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume["name"], "mountPath": f"/mnt/{volume['name']}"} for volume in volumes
        ],
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": volumes,
    }
    api.create(
        JOBS,
        {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}},
    )
