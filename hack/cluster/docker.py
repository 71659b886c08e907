"""Whether a Docker engine answers."""

import shutil
from functools import cache

from hack.cluster.errors import ClusterError
from hack.cluster.programs import run


@cache
def engine_answers() -> bool:
    """Ask the engine: the client alone proves nothing."""
    if shutil.which("docker") is None:
        return False
    try:
        return bool(run(["docker", "info", "--format", "{{.ServerVersion}}"], timeout=20).strip())
    except ClusterError:
        return False
