"""A namespace with a database of its own, and what its team does there."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hack.demo.setting import PASSWORD
from tests.cluster.kubernetes import OPERATORS, SYSTEM_NAMESPACE, Cluster, Json, eventually

DATABASE_NAMESPACE = "meshmigrate-tests"
HOST = f"postgres.{DATABASE_NAMESPACE}.svc:5432"
_PSQL = ("exec", "-i", "-n", DATABASE_NAMESPACE, "deploy/postgres", "--", "psql", "-U", "postgres")


@dataclass(frozen=True)
class Tenant:
    """A team: its namespace is also the name of its database."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        """The URL of the database, with the password as people write it."""
        return f"postgres://postgres:{PASSWORD}@{HOST}/{self.name}?sslmode=disable"

    def set_up(self) -> None:
        """Make the namespace, restricted, and the database."""
        self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(restricted(self.name)))
        self.cluster.kubectl(*_PSQL, "-c", f'create database "{self.name}"')

    def tear_down(self) -> None:
        """Remove the namespace; the database goes with the server."""
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")

    def secret(self, url: str | None = None, *, key: str = "DATABASE_URL") -> None:
        """Create the Secret with the URL."""
        create = ("create", "secret", "generic", "db", f"--from-file={key}=/dev/stdin")
        self.cluster.kubectl("-n", self.name, *create, stdin=self.url if url is None else url)

    def config_map(
        self, name: str, files: Mapping[str, str], binary: Mapping[str, str] | None = None
    ) -> None:
        """Create a ConfigMap with files; binary ones as base64."""
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": dict(files),
            "binaryData": dict(binary or {}),
        }
        self.cluster.kubectl("-n", self.name, "create", "-f", "-", stdin=json.dumps(body))

    def manifest(self, name: str = "web", **spec: Any) -> str:
        """Give a DatabaseMigration of the ConfigMap ``web``; fields of the spec may be given."""
        body = {
            "apiVersion": "migrations.meshhook.dev/v1alpha1",
            "kind": "DatabaseMigration",
            "metadata": {"name": name},
            "spec": {
                "database": {"url": {"secretKeyRef": {"name": "db", "key": "DATABASE_URL"}}},
                "source": {"configMaps": [{"name": "web"}]},
                **spec,
            },
        }
        return json.dumps(body)

    def apply(self, name: str = "web", **spec: Any) -> None:
        """Apply a DatabaseMigration."""
        self.cluster.kubectl("-n", self.name, "apply", "-f", "-", stdin=self.manifest(name, **spec))

    def patch(self, name: str = "web", **spec: Any) -> None:
        """Change fields of the spec of a DatabaseMigration."""
        patch = ("patch", f"dbm/{name}", "--type=merge", "-p", json.dumps({"spec": spec}))
        self.cluster.kubectl("-n", self.name, *patch)

    def cancel(self, name: str = "web") -> str:
        """Cancel the run in flight, and give its id."""
        run_id = str(self.status(name)["currentRun"]["id"])
        annotation = f"migrations.meshhook.dev/cancel-run={run_id}"
        self.cluster.kubectl("-n", self.name, "annotate", "--overwrite", f"dbm/{name}", annotation)
        return run_id

    def delete(self, *options: str, name: str = "web") -> None:
        """Delete a DatabaseMigration without waiting for its end."""
        self.cluster.kubectl("-n", self.name, "delete", f"dbm/{name}", "--wait=false", *options)

    def wait_until_gone(self, *what: str, seconds: int = 60) -> None:
        """Wait until objects are deleted."""
        wait = ("wait", "--for=delete", *what, f"--timeout={seconds}s")
        self.cluster.kubectl("-n", self.name, *wait)

    def refused(self, **spec: Any) -> str:
        """Apply a DatabaseMigration that must be refused, and give what kubectl said."""
        manifest = self.manifest(**spec)
        done = self.cluster.attempt("kubectl", "-n", self.name, "apply", "-f", "-", stdin=manifest)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def wait(self, condition: str, name: str = "web", *, seconds: int = 60) -> Json:
        """Wait for a condition as CI does, and give the status."""
        self.cluster.kubectl(
            "-n",
            self.name,
            "wait",
            f"--for=condition={condition}",
            f"--timeout={seconds}s",
            f"dbmigration/{name}",
        )
        return self.status(name)

    def wait_for_reason(self, reason: str, name: str = "web", *, seconds: float = 60) -> str:
        """Wait until Ready has a reason, and give its message."""

        def message() -> str | None:
            found = ready(self.status(name))
            return str(found["message"]) if found["reason"] == reason else None

        return eventually(f"reason {reason}", message, seconds=seconds)

    def status(self, name: str = "web") -> Json:
        """Give the status."""
        status: Json = self.cluster.get("-n", self.name, f"dbmigration/{name}")["status"]
        return status

    def jobs(self) -> list[Json]:
        """Give the Jobs in the namespace."""
        jobs: list[Json] = self.cluster.get("-n", self.name, "jobs")["items"]
        return jobs

    def events(self) -> list[str]:
        """Give the reasons of the events about DatabaseMigrations."""
        selector = "--field-selector=involvedObject.kind=DatabaseMigration"
        events: list[Json] = self.cluster.get("-n", self.name, "events", selector)["items"]
        return [event["reason"] for event in events]

    def running_pod(self, attempt: int | None = None) -> Json:
        """Wait for a runner's container to run, that of an attempt if one is given."""
        label = "migrations.meshhook.dev/attempt"
        selector = label if attempt is None else f"{label}={attempt}"

        def running() -> Json | None:
            pods: list[Json] = self.cluster.get("-n", self.name, "pods", "-l", selector)["items"]
            return next((pod for pod in pods if pod["status"]["phase"] == "Running"), None)

        return eventually(f"a running runner ({selector})", running)

    def query(self, sql: str) -> list[str]:
        """Give the rows of a query, columns separated by ``|``."""
        shown = self.cluster.kubectl(*_PSQL, "-d", self.name, "-At", "-c", sql)
        return shown.splitlines()

    def relations(self) -> list[str]:
        """Give everything there is in the database that is not PostgreSQL's own."""
        return self.query(
            "select n.nspname || '.' || c.relname from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname !~ '^(pg_|information_schema)' order by 1"
        )

    @contextmanager
    def session(self, statements: str) -> Iterator[None]:
        """Keep a session of the database, and what it has locked, while the block runs."""
        psql = ["kubectl", *_PSQL, "-d", self.name, "-Atq"]
        with subprocess.Popen(
            psql,
            env=self.cluster.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            holder.stdin.write(f"{statements};\n\\echo held\n")
            holder.stdin.flush()
            while (line := holder.stdout.readline()) != "held\n":
                assert line, "the session ended"
            yield
            holder.stdin.close()

    @contextmanager
    def advisory_lock(self) -> Iterator[None]:
        """Hold the advisory lock 4711 of the database while the block runs."""
        with self.session("select pg_advisory_lock(4711)"):
            yield

    def waiting_for_advisory_lock(self) -> bool:
        """Say whether a session waits for an advisory lock: the migration is in its middle."""
        waiting = (
            "select count(*) from pg_locks l join pg_stat_activity a using (pid)"
            " where l.locktype = 'advisory' and not l.granted and a.datname = current_database()"
        )
        return self.query(waiting) == ["1"]

    def describe(self) -> str:
        """Give everything a person would look at after a failure."""
        looks = (
            ("kubectl", "-n", self.name, "get", "dbmigrations,jobs,pods", "-o", "wide"),
            ("kubectl", "-n", self.name, "get", "dbmigrations", "-o", "yaml"),
            ("kubectl", "-n", self.name, "get", "events", "--sort-by=.lastTimestamp"),
            ("kubectl", "-n", self.name, "logs", "-l", "migrations.meshhook.dev/run", "--tail=-1"),
            ("kubectl", "-n", SYSTEM_NAMESPACE, "logs", "-l", OPERATORS, "--prefix", "--tail=60"),
        )
        shown = []
        for look in looks:
            done = self.cluster.attempt(*look)
            shown.append(f"$ {' '.join(look)}\n{done.stdout}{done.stderr}")
        return "\n".join(shown)


def restricted(namespace: str) -> Json:
    """Give a namespace in which Pod Security enforces the restricted standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def ready(status: Json) -> Json:
    """Give the condition Ready."""
    found: Json = next(c for c in status["conditions"] if c["type"] == "Ready")
    return found
