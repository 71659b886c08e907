"""A cluster of one node as plain processes: for Linux machines without a Docker engine."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

from hack.cluster import components, configuration, debian, kernel, network, runtime
from hack.cluster.api import Api
from hack.cluster.build import (
    CONTAINERD,
    COREDNS,
    KUBERNETES,
    NODE_BUILDS,
    built_folder,
    ensure_built,
    ensure_tools,
    link_programs,
)
from hack.cluster.errors import ClusterError
from hack.cluster.health import find_fault, services_answer
from hack.cluster.namespaces import NodeNamespaces
from hack.cluster.network import Addresses
from hack.cluster.paths import Cache
from hack.cluster.pki import NODE_NAME, Pki
from hack.cluster.programs import elapsed, run, say
from hack.cluster.runtime import Runtime
from hack.cluster.supervision import NAMES, Supervision


class NodeCluster:
    """Start, stop and use the cluster of one cache folder."""

    def __init__(self, cache: Cache, addresses: Addresses) -> None:
        self._cache = cache
        self._addresses = addresses
        self._namespaces = NodeNamespaces(cache)
        self._programs = Supervision(cache, self._namespaces)
        self._pki = Pki(cache, addresses)
        self._runtime = Runtime(cache, built_folder(cache, CONTAINERD))
        self._complete = cache.state / "complete"

    def check_host(self) -> None:
        """Refuse a machine that is no Linux, or where we are not root.

        Raises
        ------
        UnmetNeedError
            The message says what can be done.
        """
        kernel.refuse_unfit_host()

    def up(self) -> None:
        """Start a fresh cluster, unless a healthy one runs.

        Raises
        ------
        UnmetNeedError
            This machine cannot run it.
        ClusterError
            Something failed; what had been started is stopped again.
        """
        if self._namespaces.first() is not None:
            if (fault := self.fault()) is None:
                ensure_tools(self._cache)
                return
            say(f"the running cluster is broken ({fault}): starting afresh")
        self._clean_up()
        debian.ensure(self._cache, debian.NODE_PROGRAMS)
        network.refuse_conflicts(self._addresses)
        kernel.refuse_unfit_kernel(self._cache)
        ensure_tools(self._cache)
        for build in NODE_BUILDS:
            ensure_built(self._cache, build)
        link_programs(self._cache, built_folder(self._cache, CONTAINERD), ["ctr"])
        self._pki.ensure()
        began = time.monotonic()
        say("starting the cluster ...")
        try:
            self._start()
        except BaseException:  # Ctrl-C included: a half cluster is of no use
            self._clean_up()
            raise
        say(f"starting the cluster: done after {elapsed(began)}")

    def down(self) -> None:
        """Stop what `up` started; harmless when nothing runs.

        Raises
        ------
        ClusterError
            Something does not end.
        UnmetNeedError
            There is something to stop, and we are not root.
        """
        if self._cache.state.exists():
            self.check_host()
            self._clean_up()

    def fault(self) -> str | None:
        """Say what is wrong, or None if the cluster is healthy."""
        if self._namespaces.first() is None:
            return "it is not running"
        if not self._complete.exists():
            return "its start was interrupted"
        return find_fault(self._cache, self._addresses, self._pki, self._programs, self._runtime)

    def describe(self) -> list[str]:
        """List its programs with their pids and logs."""
        lines = []
        for name in NAMES:
            process = self._programs.process(name)
            state = f"pid {process.pid}" if process else "not running"
            lines.append(f"{name:<24} {state:<12} {self._programs.log(name)}")
        return lines

    def load(self, archive: Path) -> None:
        """Bring the images of an archive into the cluster.

        Raises
        ------
        ClusterError
            The cluster does not run, or the archive is none.
        """
        self._runtime.load(archive)

    def digest(self, image: str) -> str | None:
        """Digest of an image that the cluster has, or None.

        Raises
        ------
        ClusterError
            The cluster does not run.
        """
        return self._runtime.digest(image)

    def _start(self) -> None:
        state = self._cache.state
        state.mkdir(parents=True, exist_ok=True)
        (state / "etcd").mkdir(exist_ok=True, mode=0o700)
        (state / "resolv.conf").write_text("# Names of the cluster only.\n")
        layout = components.Layout(
            cache=self._cache,
            addresses=self._addresses,
            pki=self._pki,
            kubernetes=built_folder(self._cache, KUBERNETES),
            containerd=built_folder(self._cache, CONTAINERD),
            coredns=built_folder(self._cache, COREDNS),
        )
        (state / "kubelet.json").write_text(configuration.kubelet_configuration(layout))
        (state / "kube-proxy.json").write_text(configuration.proxy_configuration(layout))
        (state / "Corefile").write_text(configuration.corefile(layout))
        kernel.save_settings(state / "settings.json")
        self._namespaces.create(layout.containerd / "pause")
        network.connect(self._addresses, self._namespaces)
        self._programs.start(components.control_plane(layout), path=[])
        self._start_containerd(layout)
        api = Api(self._pki)
        self._programs.expect("API server ready", api.is_ready, ["etcd", "kube-apiserver"])
        others = [*components.controllers(layout), *components.node(layout)]
        self._programs.start(others, path=[layout.containerd])
        self._install_kubeconfig()
        apply = [self._cache.bin / "kubectl", "--kubeconfig", self._pki.kubeconfig("admin")]
        # Without the caller's environment, whose proxy does not know the cluster.
        own = {"HOME": str(state)}
        objects = configuration.dns_objects(layout)
        run([*apply, "apply", "--filename", "-"], stdin=objects, env=own, cwd=state)
        self._programs.expect("node ready", lambda: api.node_is_ready(NODE_NAME), NAMES)
        self._programs.expect("default service account", api.has_service_account, NAMES)
        self._programs.expect("Services", lambda: services_answer(self._addresses), NAMES)
        self._complete.touch()

    def _start_containerd(self, layout: components.Layout) -> None:
        """Start containerd, with the images but without the containers of earlier clusters."""
        configuration = runtime.write_configuration(self._cache, self._addresses)
        program = components.Component(
            "containerd", (str(layout.containerd / "containerd"), "--config", str(configuration))
        )
        for last in (False, True):
            try:
                self._programs.start([program], path=[layout.containerd])
                self._programs.expect(
                    "containerd ready", self._runtime.answers, ["containerd"], seconds=30
                )
                if self._runtime.remove_containers():
                    # It keeps those it found at its start in memory.
                    self._programs.stop("containerd", patience=10)
                    self._programs.start([program], path=[layout.containerd])
                    self._programs.expect(
                        "containerd ready", self._runtime.answers, ["containerd"], seconds=30
                    )
                self._runtime.forget_replaced_images()
                self._runtime.ensure_pause_image()
            except ClusterError as error:
                if last:
                    raise
                say(f"{error}\ncontainerd does not start with its old images: forgetting them")
                self._programs.stop("containerd", patience=5)
                runtime.forget_images(self._cache)
            else:
                return

    def _install_kubeconfig(self) -> None:
        """Put the administrator's kubeconfig where people find it, in one step."""
        fresh = self._cache.kubeconfig.with_name(".kubeconfig.new")
        shutil.copyfile(self._pki.kubeconfig("admin"), fresh)
        # Tests run as other users too; the folders above decide who comes this far.
        fresh.chmod(0o644)
        fresh.replace(self._cache.kubeconfig)

    def _clean_up(self) -> None:
        """Stop everything and remove every trace but images, programs, keys and logs."""
        containers = runtime.known_containers(self._cache)
        if self._namespaces.first() is not None:
            say("stopping the cluster ...")
            self._programs.stop("kubelet", patience=3)
            if self._programs.process("containerd") is not None:
                with suppress(ClusterError):  # what remains ends with the namespaces
                    self._runtime.remove_containers()
                self._programs.stop("containerd", patience=5)
        self._programs.release()
        self._namespaces.destroy()
        if self._cache.state.exists():
            network.wait_disconnected(self._addresses)
        kernel.restore_settings(self._cache.state / "settings.json")
        kernel.remove_cgroups(containers)
        shutil.rmtree(self._cache.state, ignore_errors=True)
