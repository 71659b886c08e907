"""Which hosts a password may be sent to.

Whoever may create a resource need not be allowed to read the Secrets that it names. A host of
their choice beside such a password would hand it over, so a host must match what the operator's
administrator allows.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Final

NAMESPACE: Final = "<namespace>"
"""Stands in a pattern for the namespace of the resource."""

_CLUSTER_DOMAIN: Final = ".cluster.local"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SERVICE: Final = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LONGEST_NAME: Final = 253


def canonical_host(host: str, namespace: str) -> str | None:
    """Give a host in the one form that patterns are compared with; None if it is not one host.

    A name without a dot is a Service of the namespace, and ``.cluster.local`` behind ``.svc`` is
    left out (Kubernetes documentation, "DNS for Services and Pods"). ``name.namespace`` is taken
    as it stands: where there is no such Service, the resolver would ask the world for it. A name
    that ends in a number is refused: the resolver reads 2130706433 and 127.1 as addresses
    (inet_aton(3)).
    """
    address = _address(host)
    if address is not None:
        return address
    lowered = host.lower()
    name = lowered.removesuffix(".")
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        return None
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        return None
    if "." in name:
        return name.removesuffix(_CLUSTER_DOMAIN) if _in_cluster(name) else name
    if name != lowered or not _SERVICE.fullmatch(name):
        return None  # "name." is a top-level domain, and no Service
    return f"{name}.{namespace}.svc"


def host_allowed(host: str, patterns: Iterable[str], namespace: str) -> bool:
    """Say whether a host matches a pattern: a host, or one with ``*`` for anything."""
    name = canonical_host(host, namespace)
    return name is not None and any(
        fnmatchcase(name, _canonical_pattern(pattern, namespace)) for pattern in patterns
    )


def _canonical_pattern(pattern: str, namespace: str) -> str:
    lowered = pattern.lower().replace(NAMESPACE, namespace)
    return lowered.removesuffix(_CLUSTER_DOMAIN) if _in_cluster(lowered) else lowered


def _in_cluster(name: str) -> bool:
    return name.endswith(f".svc{_CLUSTER_DOMAIN}")


def _address(host: str) -> str | None:
    try:
        return None if "%" in host else str(ip_address(host))
    except ValueError:
        return None
