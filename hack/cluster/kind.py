"""A cluster in a container, by kind: for machines where a Docker engine answers."""

import json
from pathlib import Path

from hack.cluster.build import ensure_tools
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.cluster.programs import run, run_logged

CLUSTER = "meshmigrate"
_CONTAINER = f"{CLUSTER}-control-plane"
# Periods as in the cluster of processes: a lost node is noticed after 12 s, and its pods 5 s later.
_CONFIGURATION = """\
apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
nodes:
  - role: control-plane
    kubeadmConfigPatches:
      - |
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        apiServer:
          extraArgs:
            - name: enable-admission-plugins
              value: NodeRestriction,OwnerReferencesPermissionEnforcement
            - {name: default-unreachable-toleration-seconds, value: "5"}
            - {name: default-not-ready-toleration-seconds, value: "30"}
        controllerManager:
          extraArgs:
            - {name: enable-hostpath-provisioner, value: "true"}  # kind's own, which this replaces
            - {name: node-monitor-period, value: 1s}
            - {name: node-monitor-grace-period, value: 12s}
      - |
        apiVersion: kubelet.config.k8s.io/v1beta1
        kind: KubeletConfiguration
        nodeLeaseDurationSeconds: 8
        nodeStatusUpdateFrequency: 4s
"""


class KindCluster:
    """Start, stop and use the kind cluster of a cache folder."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._kind = cache.bin / "kind"

    def check_host(self) -> None:
        """Do nothing: an engine that answers is all that kind needs."""

    def up(self) -> None:
        """Start the cluster, unless it is healthy.

        Raises
        ------
        ClusterError
            kind failed; the message has the end of its log.
        """
        ensure_tools(self._cache)
        if self._exists():
            self._write_kubeconfig()
            if self.fault() is None:
                return
            self.down()
        configuration = self._cache.logs / "kind.yaml"
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(_CONFIGURATION)
        create = [self._kind, "create", "cluster", "--name", CLUSTER, "--wait", "180s"]
        create += ["--config", configuration]
        run_logged(
            "creating the kind cluster (about 1 min, more while its image is fetched)",
            [*create, "--kubeconfig", self._cache.kubeconfig],
            log=self._cache.logs / "kind.log",
        )
        self._cache.kubeconfig.chmod(0o644)
        if (fault := self.fault()) is not None:
            raise ClusterError(f"the kind cluster is there but does not work: {fault}")

    def down(self) -> None:
        """Remove the cluster; harmless when there is none.

        Raises
        ------
        ClusterError
            kind failed.
        """
        if self._exists():
            delete = [self._kind, "delete", "cluster", "--name", CLUSTER]
            run([*delete, "--kubeconfig", self._cache.kubeconfig])

    def fault(self) -> str | None:
        """Say what is wrong, or None if the cluster is healthy."""
        if not self._exists():
            return "it is not running"
        kubectl = [self._cache.bin / "kubectl", "--kubeconfig", self._cache.kubeconfig]
        wait = ["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=15s"]
        account = ["--namespace", "default", "get", "serviceaccount", "default"]
        try:
            run([*kubectl, *wait], timeout=60)
            run([*kubectl, *account], timeout=60)
        except ClusterError as error:
            return str(error)
        return None

    def describe(self) -> list[str]:
        """List its containers."""
        named = ["--filter", f"name={CLUSTER}-", "--format", "{{.Names}} {{.Status}}"]
        return run(["docker", "ps", "--all", *named]).splitlines()

    def load(self, archive: Path) -> None:
        """Bring the images of an archive into the cluster.

        Raises
        ------
        ClusterError
            The cluster does not run, or the archive is none.
        """
        run([self._kind, "load", "image-archive", archive, "--name", CLUSTER])

    def digest(self, image: str) -> str | None:
        """Return the identifier of an image that the cluster's node has, or None.

        Raises
        ------
        ClusterError
            The cluster does not run.
        """
        listed = json.loads(run(["docker", "exec", _CONTAINER, "crictl", "images", "-o", "json"]))
        for found in listed.get("images", []):
            if image in found.get("repoTags", []):
                return str(found["id"])
        return None

    def _exists(self) -> bool:
        return self._kind.exists() and CLUSTER in run([self._kind, "get", "clusters"]).split()

    def _write_kubeconfig(self) -> None:
        text = run([self._kind, "get", "kubeconfig", "--name", CLUSTER])
        self._cache.kubeconfig.write_text(text)
        self._cache.kubeconfig.chmod(0o644)
