"""An image archive that was written here is one that an importer accepts."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from hack.cluster.oci import layer_of, write_image


def test_names_and_digests_agree(tmp_path: Path) -> None:
    """The manifest names the config and the layer, and the config the layer's digest."""
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    layer = layer_of({"pause": program})
    archive = tmp_path / "image.tar"
    write_image(archive, "localhost/a:1", io.BytesIO(layer), {"Entrypoint": ["/pause"]})
    with tarfile.open(archive) as found:
        content = {
            member.name: stream.read()
            for member in found
            if (stream := found.extractfile(member)) is not None
        }
    manifest = json.loads(content["manifest.json"])[0]
    config = json.loads(content[manifest["Config"]])
    digest = hashlib.sha256(layer).hexdigest()
    assert manifest["RepoTags"] == ["localhost/a:1"]
    assert content[manifest["Layers"][0]] == layer
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"]
    assert config["config"] == {"Entrypoint": ["/pause"]}


def test_a_layer_is_the_same_every_time(tmp_path: Path) -> None:
    """Neither times nor owners of the file on the host get into the layer."""
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    first = layer_of({"pause": program})
    program.touch()
    program.chmod(0o700)
    assert layer_of({"pause": program}) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as layer:
        member = layer.getmember("pause")
    assert (member.uid, member.mode) == (0, 0o755)
