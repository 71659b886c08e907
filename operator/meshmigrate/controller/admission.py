"""What the operator's administrator lets a resource ask for.

A resource makes the operator create a pod, so whoever may write one could get by it what they may
not have otherwise: another role of the database, a Secret's password sent to a host of theirs, the
rights of a ServiceAccount, a place behind somebody's Service or NetworkPolicy. ``docs/security.md``
has the reasons.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from meshmigrate.controller.database_spec import Database
from meshmigrate.controller.job_spec import JobSettings
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.hosts import host_allowed
from meshmigrate.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Allowed:
    """Patterns, in which ``*`` stands for anything; what matches none of them is refused."""

    secrets: tuple[str, ...] = ("*",)
    hosts: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()


class Denial(NamedTuple):
    """Why a resource gets no pod."""

    reason: Reason
    message: str


DENIALS = frozenset(
    {
        Reason.SECRET_NOT_ALLOWED,
        Reason.HOST_NOT_ALLOWED,
        Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
        Reason.LABEL_NOT_ALLOWED,
        Reason.ANNOTATION_NOT_ALLOWED,
    }
)


def find_denial(spec: MigrationSpec | None, namespace: str, allowed: Allowed) -> Denial | None:
    """Give the first thing that a resource may not ask for; None if it may have all of it."""
    if spec is None:
        return None
    denials = (
        *_secrets(spec.database, allowed),
        *_hosts(spec.database, namespace, allowed),
        *_job(spec.job, allowed),
    )
    return next(iter(denials), None)


def _secrets(database: Database, allowed: Allowed) -> Iterator[Denial]:
    for mounted in database.mounted():
        if mounted.kind == "Secret" and not _matches(mounted.name, allowed.secrets):
            yield Denial(
                Reason.SECRET_NOT_ALLOWED,
                f'the Secret "{mounted.name}" of spec.database is not one that a migration may '
                f"use: {_allowed('allowedSecrets', allowed.secrets)}",
            )


def _hosts(database: Database, namespace: str, allowed: Allowed) -> Iterator[Denial]:
    connection = database.connection
    if connection is None or connection.host.secret_key_ref is not None:
        return  # a host from a Secret is known to the runner only, which obeys the same rule
    host = str(connection.host.value)
    if not host_allowed(host, allowed.hosts, namespace):
        yield Denial(
            Reason.HOST_NOT_ALLOWED,
            f'a password may not be sent to the host "{host}" of spec.database.connection: '
            f"{_allowed('allowedHosts', allowed.hosts)}; a host from the password's own Secret "
            "needs no permission",
        )


def _job(job: JobSettings, allowed: Allowed) -> Iterator[Denial]:
    account = job.service_account_name
    if account and not _matches(account, allowed.service_accounts):
        yield Denial(
            Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
            f'the ServiceAccount "{account}" of spec.job is not one that a migration may run as: '
            f"{_allowed('allowedServiceAccounts', allowed.service_accounts)}",
        )
    for label in job.labels:
        if not _matches(label, allowed.labels):
            yield Denial(
                Reason.LABEL_NOT_ALLOWED,
                f'the label "{label}" of spec.job may not be set: Services and NetworkPolicies '
                f"select pods by labels; {_allowed('allowedLabels', allowed.labels)}",
            )
    for annotation in job.annotations:
        if not _matches(annotation, allowed.annotations):
            yield Denial(
                Reason.ANNOTATION_NOT_ALLOWED,
                f'the annotation "{annotation}" of spec.job may not be set: webhooks and networks '
                f"act on them; {_allowed('allowedAnnotations', allowed.annotations)}",
            )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _allowed(value: str, patterns: tuple[str, ...]) -> str:
    return f"{value} of the operator's chart has {', '.join(patterns) or 'nothing'}"
