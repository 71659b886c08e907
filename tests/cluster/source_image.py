"""Images that hold nothing but files, brought to the node as a registry would have them."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from hack.cluster.choice import choose
from hack.cluster.oci import write_image
from hack.cluster.paths import cache_from
from tests.cluster.kubernetes import Cluster

Links = Mapping[str, str]


def import_image(
    cluster: Cluster, folder: Path, files: Mapping[str, str], links: Links | None = None
) -> str:
    """Make an image of files and symbolic links, and give the reference with its digest."""
    name = f"localhost/meshmigrate-files-{uuid4().hex[:8]}"
    layer, archive = folder / "layer.tar", folder / "image.tar"
    with tarfile.open(layer, "w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            entry.mode = 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    with layer.open("rb") as content:
        write_image(archive, f"{name}:1", content, {})
    choose(cache_from()).load(archive)
    digest = cluster.image_digest(f"{name}:1")
    reference = f"{name}@{digest}"
    cluster.ctr("images", "tag", f"{name}:1", reference)
    return reference


def remove_image(cluster: Cluster, reference: str) -> None:
    """Take an image away again."""
    name = reference.partition("@")[0]
    cluster.ctr("images", "rm", f"{name}:1", reference)
