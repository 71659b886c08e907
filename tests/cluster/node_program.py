"""The cluster's own programs on its node: stopping them as they are, and letting them go on."""

import subprocess
from signal import Signals

from hack.cluster.docker import engine_answers
from hack.cluster.paths import cache_from
from hack.cluster.processes import recorded

KIND_NODE = "meshmigrate-control-plane"


def signal_program(name: str, number: Signals) -> None:
    """Send a signal to one of them, by its recorded process or within kind's node."""
    if engine_answers():
        shell = f"kill -{number.value} $(pidof {name})"
        command = ["docker", "exec", KIND_NODE, "sh", "-c", shell]
        subprocess.run(command, check=True, timeout=60)
        return
    # The one through which it was started stops with it, and would not go on by itself.
    for part in (name, f"{name}.entry"):
        process = recorded(cache_from().state / f"{part}.pid")
        assert process is not None, f"no record of {part}"
        process.send(number)
