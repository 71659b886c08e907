"""The node's own process, mount and network namespaces: all of it ends with one process.

Every program of the cluster, and every container that they start, runs inside. When the
first process of a process namespace ends, the kernel kills all others in it
(pid_namespaces(7)); with them go the mounts, network devices, routes and packet filter rules
that they made in the other two. So nothing is left behind on the host, however they ended,
and nothing is ever ended by name.
"""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.cluster.processes import Process, children, look_up, recorded, wait_until
from hack.cluster.programs import last_lines

# Records itself before it becomes the program, so that no moment exists in which the
# process runs and nobody knows of it.
_RECORD_AND_BECOME = 'cat /proc/$$/stat >"$0.new" && mv "$0.new" "$0" && exec "$@"'

# `slave`: what the host mounts later is seen inside, never the other way round. The kubelet
# needs a shared root for volumes with mount propagation. Folders that programs have constants
# for are replaced by folders of the cluster's own state.
_PREPARE = """
set -e
mount --make-rshared /
mount -t tmpfs -o mode=0755 meshmigrate /run
for folder in /var/log /var/lib/cni /var/lib/kubelet; do
    mount --bind "$0$folder" "$folder"
done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
exec "$@"
"""


_REPLACED = (Path("/var/log"), Path("/var/lib/cni"), Path("/var/lib/kubelet"))


class NodeNamespaces:
    """Make, enter and end the namespaces of one cache folder's cluster."""

    def __init__(self, cache: Cache) -> None:
        self._state = cache.state
        self._record = cache.state / "namespaces.pid"
        self._made = cache.state / "made-folders"
        self._log = cache.logs / "namespaces.log"

    def create(self, pause: Path) -> None:
        """Make them, with the program `pause` as their first process.

        Raises
        ------
        ClusterError
            The kernel or a container around us refuses them.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._make_mount_points()
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        unshare += ["--propagation", "slave", "--mount-proc"]
        prepare = ["sh", "-c", _PREPARE, str(self._state), str(pause)]
        with self._log.open("w") as log:
            child = subprocess.Popen(
                ["sh", "-c", _RECORD_AND_BECOME, str(self._record), *unshare, *prepare],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        wait_until(lambda: self._is_ready(pause) or child.poll() is not None, seconds=10)
        if not self._is_ready(pause):
            said = last_lines(self._log.read_text())
            raise ClusterError(f"cannot make namespaces for the node; the log {self._log}:\n{said}")

    def first(self) -> Process | None:
        """First process inside, as the host sees it, or None if there are no namespaces."""
        outer = recorded(self._record)
        if outer is None or not outer.is_alive():
            return None
        for pid in children(outer.pid):
            if (found := look_up(pid)) is not None:
                return found.process
        return None

    def enter(self, argv: Sequence[object]) -> list[str]:
        """Command line that runs a program inside, as a child of `nsenter`.

        Raises
        ------
        ClusterError
            There are no namespaces.
        """
        return self._nsenter(["--mount", "--net", "--pid"], argv)

    def enter_network(self, argv: Sequence[object]) -> list[str]:
        """Command line that runs a program with only its network inside.

        Raises
        ------
        ClusterError
            There are no namespaces.
        """
        return self._nsenter(["--net"], argv)

    def destroy(self) -> None:
        """End everything inside; harmless when there is nothing.

        Raises
        ------
        ClusterError
            Processes survived SIGKILL, which only those in an uninterruptible system call do.
        """
        first, outer = self.first(), recorded(self._record)
        inside = None if first is None else _pid_namespace(first.pid)
        for process in (first, outer):
            if process is not None:
                process.send(signal.SIGKILL)
        gone = wait_until(
            lambda: not any(process and process.is_alive() for process in (first, outer)),
            seconds=30,
        )
        if not gone:
            raise ClusterError(
                f"processes of the cluster (namespace {inside}) do not end: "
                "look at `ps -eo pid,stat,wchan,args` for state D, and try again"
            )
        self._record.unlink(missing_ok=True)
        self._remove_mount_points()

    def _make_mount_points(self) -> None:
        absent = [folder for folder in _REPLACED if not folder.exists()]
        self._made.write_text("".join(f"{folder}\n" for folder in absent))
        for folder in absent:
            folder.mkdir(parents=True)
        for folder in _REPLACED:
            (self._state / folder.relative_to("/")).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _remove_mount_points(self) -> None:
        with suppress(FileNotFoundError):
            for folder in self._made.read_text().splitlines():
                with suppress(OSError):  # not empty: somebody else uses it by now
                    Path(folder).rmdir()
            self._made.unlink()

    def _nsenter(self, kinds: list[str], argv: Sequence[object]) -> list[str]:
        first = self.first()
        if first is None:
            raise ClusterError("the cluster is not running: start it with `make cluster-up`")
        return ["nsenter", "--target", str(first.pid), *kinds, "--", *map(str, argv)]

    def _is_ready(self, pause: Path) -> bool:
        """Whether the first process has prepared everything and has become `pause`."""
        first = self.first()
        if first is None:
            return False
        try:
            return Path(f"/proc/{first.pid}/exe").resolve() == pause.resolve()
        except OSError:
            return False


def _pid_namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return "gone"
