"""What is wrong with a running node, if anything."""

from hack.cluster.api import Api, accepts, resolve
from hack.cluster.network import Addresses
from hack.cluster.paths import Cache
from hack.cluster.pki import NODE_NAME, Pki
from hack.cluster.processes import wait_until
from hack.cluster.runtime import Runtime
from hack.cluster.supervision import Supervision

_API_NAME = "kubernetes.default.svc.cluster.local"
# A busy machine gets this long for each answer before the cluster counts as broken: what is
# broken is started afresh, and that costs everything in it.
_PATIENCE_SECONDS = 15


def find_fault(
    cache: Cache, addresses: Addresses, pki: Pki, programs: Supervision, runtime: Runtime
) -> str | None:
    """Say what is wrong first, or None."""
    if dead := programs.dead():
        return f"{', '.join(dead)} not running"
    try:
        api = Api(pki)
    except (OSError, KeyError, StopIteration):
        return f"no keys in {cache.pki}"
    checks = {
        "containerd does not answer": runtime.answers,
        "the API server is not ready": api.is_ready,
        "the node is not ready": lambda: api.node_is_ready(NODE_NAME),
        "Services or DNS do not answer": lambda: services_answer(addresses),
        f"there is no {cache.kubeconfig}": cache.kubeconfig.exists,
    }
    for fault, check in checks.items():
        if not wait_until(check, seconds=_PATIENCE_SECONDS):
            return fault
    return None


def services_answer(addresses: Addresses) -> bool:
    """Whether Services work: DNS is asked, and the API server called, at theirs."""
    found = resolve(addresses.dns, _API_NAME)
    return found == addresses.api and accepts(addresses.api, 443)
