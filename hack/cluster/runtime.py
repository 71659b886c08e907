"""containerd: its configuration, its images, and the containers that pods leave behind."""

import io
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from hack.cluster.debian import program
from hack.cluster.errors import ClusterError
from hack.cluster.network import Addresses
from hack.cluster.oci import layer_of, write_image
from hack.cluster.paths import Cache
from hack.cluster.processes import wait_until
from hack.cluster.programs import run

PAUSE_IMAGE = "localhost/meshmigrate-pause:1"


def write_configuration(cache: Cache, addresses: Addresses) -> Path:
    """Write containerd's and the CNI plugins' configuration and return the former's path."""
    runc, ptp = program("runc"), program("cni:ptp")
    if runc is None or ptp is None:
        raise ClusterError("runc or the CNI plugins are missing")
    networks = cache.state / "cni"
    networks.mkdir(parents=True, exist_ok=True)
    (networks / "10-meshmigrate.conflist").write_text(_network(addresses))
    file = cache.state / "containerd.toml"
    file.write_text(f"""\
version = 3
root = {_quoted(cache.content)}
state = "/run/containerd"

[grpc]
  address = {_quoted(cache.socket)}

[ttrpc]
  address = {_quoted(f"{cache.socket}.ttrpc")}

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = {_quoted(PAUSE_IMAGE)}

[plugins."io.containerd.cri.v1.runtime"]
  # Lowering it needs CAP_SYS_RESOURCE, which a container around us may lack: runc then ends
  # with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [{_quoted(ptp.parent)}]
    conf_dir = {_quoted(networks)}
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = {_quoted(runc)}
      SystemdCgroup = false
""")
    return file


class Runtime:
    """The running containerd of a cache folder, through its own client `ctr`."""

    def __init__(self, cache: Cache, folder: Path) -> None:
        self._cache = cache
        self._folder = folder

    def ctr(self, *words: object, timeout: float | None = None) -> str:
        """Run `ctr` in the namespace that the kubelet uses.

        Raises
        ------
        ClusterError
            It failed, or did not end within `timeout` seconds.
        """
        where = ["--address", self._cache.socket, "--namespace", "k8s.io"]
        return run([self._folder / "ctr", *where, *words], timeout=timeout)

    def wait(self, seconds: float) -> bool:
        """Wait until it answers."""
        return wait_until(self.answers, seconds=seconds)

    def answers(self) -> bool:
        """Whether it answers on its socket."""
        if not self._cache.socket.exists():
            return False
        with suppress(ClusterError):
            self.ctr("version", timeout=5)
            return True
        return False

    def digest(self, image: str) -> str | None:
        """Digest of an image's manifest, or None if there is no such image.

        Raises
        ------
        ClusterError
            containerd does not answer.
        """
        for line in self.ctr("images", "list", f"name=={image}").splitlines()[1:]:
            columns = line.split()
            if columns[0] == image:
                return columns[2]
        return None

    def load(self, archive: Path) -> None:
        """Import the images of an archive.

        Raises
        ------
        ClusterError
            The file is no image archive, or there is no space.
        """
        # Unpacked by the client: twice as fast as the transfer service on layers that are known.
        self.ctr("images", "import", "--local", archive)

    def ensure_pause_image(self) -> None:
        """Import the image of a pod's first container, made from our own small program.

        Raises
        ------
        ClusterError
            containerd refused it.
        """
        made = self._cache.images / f"pause-{self._folder.name}.tar"
        if self.digest(PAUSE_IMAGE) is not None and made.exists():
            return
        made.parent.mkdir(parents=True, exist_ok=True)
        layer = io.BytesIO(layer_of({"pause": self._folder / "pause"}))
        write_image(made, PAUSE_IMAGE, layer, {"Entrypoint": ["/pause"], "User": "65535:65535"})
        self.load(made)

    def remove_containers(self) -> int:
        """Kill and forget every container, and return how many there were.

        Only what the kubelet made: nobody else uses this containerd.
        """
        found = self.ctr("containers", "list", "--quiet").split()
        if found:
            with suppress(ClusterError):  # some have no task any more
                self.ctr("tasks", "delete", "--force", *found, timeout=30)
            with suppress(ClusterError):  # one that is being removed meanwhile is no failure
                self.ctr("containers", "delete", *found, timeout=30)
        with suppress(ClusterError):
            if sandboxes := self.ctr("sandboxes", "list", timeout=10).splitlines()[1:]:
                self.ctr("sandboxes", "remove", "--force", *(row.split()[0] for row in sandboxes))
        return len(found)

    def forget_replaced_images(self) -> None:
        """Remove images that have lost their name to a newer one; no container may use them.

        The kubelet's interface also lists every image by its identifier, which would keep them.
        """
        rows = [row.split() for row in self.ctr("images", "list").splitlines()[1:]]
        named = {row[2] for row in rows if not row[0].startswith("sha256:")}
        replaced = [row[0] for row in rows if row[2] not in named]
        if replaced:
            self.ctr("images", "delete", *replaced)


def known_containers(cache: Cache) -> list[str]:
    """List identifiers of containers and sandboxes, also when containerd does not run."""
    folder = cache.content / "io.containerd.grpc.v1.cri"
    return [found.name for found in [*folder.glob("containers/*"), *folder.glob("sandboxes/*")]]


def forget_images(cache: Cache) -> None:
    """Remove all images: the next cluster imports them again."""
    shutil.rmtree(cache.content, ignore_errors=True)


def _network(addresses: Addresses) -> str:
    pods = {
        "subnet": str(addresses.pods),
        "rangeStart": str(addresses.first_pod),
        "gateway": str(addresses.node),
    }
    ipam = {"type": "host-local", "ranges": [[pods]], "routes": [{"dst": "0.0.0.0/0"}]}
    plugin = {"type": "ptp", "ipMasq": False, "ipam": ipam}
    return json.dumps({"cniVersion": "1.0.0", "name": "meshmigrate", "plugins": [plugin]})


def _quoted(value: str | Path) -> str:
    """Quote a TOML basic string, whose escapes are those of JSON."""
    return json.dumps(os.fspath(value), ensure_ascii=False)
