"""Start the cluster's programs inside the node's namespaces, and see whether they live."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from hack.cluster.components import Component
from hack.cluster.errors import ClusterError
from hack.cluster.namespaces import NodeNamespaces
from hack.cluster.paths import Cache
from hack.cluster.processes import Process, children, record, recorded, stop, wait_until
from hack.cluster.programs import last_lines

NAMES = (
    "etcd",
    "kube-apiserver",
    "containerd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)


class Supervision:
    """The programs of one cache folder's cluster: started, recorded, looked up again."""

    def __init__(self, cache: Cache, namespaces: NodeNamespaces) -> None:
        self._cache = cache
        self._namespaces = namespaces

    def log(self, name: str) -> Path:
        """Where a program writes."""
        return self._cache.logs / f"{name}.log"

    def process(self, name: str) -> Process | None:
        """Process of a program as the host sees it, if it is alive."""
        found = recorded(self._record(name))
        return found if found and found.is_alive() else None

    def dead(self) -> list[str]:
        """Programs of a whole cluster that do not run."""
        return [name for name in NAMES if self.process(name) is None]

    def start(self, components: Iterable[Component], *, path: Iterable[Path]) -> None:
        """Start programs in sessions of their own, with `path` before the usual folders.

        Raises
        ------
        ClusterError
            One ended at once, or the namespaces are gone.
        """
        folders = [*map(str, path), "/usr/local/sbin", "/usr/local/bin"]
        folders += ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        # Nothing of the caller's: a proxy meant for the outside must not stand between them.
        env = {"PATH": os.pathsep.join(folders), "HOME": str(self._cache.state), "LANG": "C.UTF-8"}
        for component in components:
            self._start(component, env)

    def stop(self, name: str, *, patience: float) -> None:
        """Stop one program; harmless if it does not run."""
        if (process := self.process(name)) is not None:
            stop([process], patience=patience)

    def release(self) -> None:
        """End each nsenter, through which the programs were started, before the namespaces end.

        nsenter stops itself together with a program that somebody stopped. It then never collects
        that program, and the kernel waits with the end of the process namespace until it has
        (pid_namespaces(7)). Once it is gone, the first process inside collects in its place.
        """
        for name in NAMES:
            if (entry := recorded(self._entry(name))) is not None:
                entry.send(signal.SIGKILL)

    def expect(
        self, what: str, condition: Callable[[], bool], names: Iterable[str], *, seconds: float = 90
    ) -> None:
        """Wait for a condition that the named programs bring about.

        Raises
        ------
        ClusterError
            One of them died, or the time is over; the message has the end of a log.
        """
        watched = list(names)

        def settled() -> bool:
            return condition() or any(self.process(name) is None for name in watched)

        done = wait_until(settled, seconds=seconds)
        for name in watched:
            if self.process(name) is None:
                raise self._died(name)
        if not done:
            logs = "\n".join(f"{self.log(name)}:\n{self._tail(name)}" for name in watched)
            raise ClusterError(f"{what}: not within {seconds:.0f} s. The logs end with\n{logs}")

    def _start(self, component: Component, env: Mapping[str, str]) -> None:
        with self.log(component.name).open("w") as log:
            child = subprocess.Popen(
                self._namespaces.enter(component.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=env,
                start_new_session=True,
            )
        # nsenter stays outside as the parent of the program itself.
        record(child.pid, self._entry(component.name))
        wait_until(lambda: bool(children(child.pid)) or child.poll() is not None, seconds=10)
        for pid in children(child.pid):
            record(pid, self._record(component.name))
        if self.process(component.name) is None:
            raise self._died(component.name)

    def _entry(self, name: str) -> Path:
        return self._cache.state / f"{name}.entry.pid"

    def _record(self, name: str) -> Path:
        return self._cache.state / f"{name}.pid"

    def _died(self, name: str) -> ClusterError:
        return ClusterError(f"{name} ended; its log {self.log(name)} says\n{self._tail(name)}")

    def _tail(self, name: str) -> str:
        log = self.log(name)
        return last_lines(log.read_text(errors="replace")) if log.exists() else "    (nothing)"
