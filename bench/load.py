"""What the operator costs: its writes to the API server, and its memory when idle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.api import Api
from hack.demo.metrics import total
from hack.demo.setting import ACTIVE_POD, SYSTEM_NAMESPACE
from hack.demo.shell import Shell

_REQUESTS: Final = "apiserver_request_total"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_RESIDENT: Final = (
    f"kubectl -n {SYSTEM_NAMESPACE} exec {ACTIVE_POD} -- python3 -c"
    " 'print(open(\"/proc/1/status\").read())'"
)


@dataclass(frozen=True, slots=True)
class Writes:
    """Counts by the API server's own metrics, since it started and whoever made them.

    Parameters
    ----------
    created
        DatabaseMigrations created.
    all
        Writes to DatabaseMigrations and their status, and to Jobs but not their status, which
        is their controller's. Events are another resource.
    """

    created: float
    all: float

    def since(self, before: "Writes") -> "Writes":
        """Give what was added."""
        return Writes(self.created - before.created, self.all - before.all)


def api_writes(api: Api) -> Writes:
    """Read the counts."""
    text = api.text("/metrics")
    return Writes(
        created=total(text, _REQUESTS, _creates_a_migration),
        all=total(text, _REQUESTS, _is_of_the_operator),
    )


def resident_mebibytes(shell: Shell) -> float:
    """Give the resident set of the active operator's process."""
    lines = shell.ask(_RESIDENT).splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(kibibytes) / 1024


def _creates_a_migration(labels: Mapping[str, str]) -> bool:
    return (labels["verb"], labels["resource"], labels["code"]) == (
        "POST",
        "databasemigrations",
        "201",
    )


def _is_of_the_operator(labels: Mapping[str, str]) -> bool:
    return labels["verb"] in _WRITES and (
        labels["resource"] == "databasemigrations"
        or (labels["resource"] == "jobs" and labels["subresource"] == "")
    )
