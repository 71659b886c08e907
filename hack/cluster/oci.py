"""Write a container image of a single layer as an archive, without any other tool.

The format is that of `docker save` (image specification 1.2), which every importer reads.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_BLOCK = 1 << 20


def architecture() -> str:
    """Name this machine's architecture as images do."""
    return _MACHINES.get(platform.machine(), platform.machine())


def layer_of(files: Mapping[str, Path]) -> bytes:
    """Make a layer of executable files that belong to root, the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for name, source in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            entry.size = source.stat().st_size
            with source.open("rb") as content:
                layer.addfile(entry, content)
    return buffer.getvalue()


def write_image(archive: Path, name: str, layer: BinaryIO, config: Mapping[str, Any]) -> None:
    """Write an image of one uncompressed layer, under `name`, to the file `archive`.

    `config` is the image's run configuration (Entrypoint, User, Env and so on).
    """
    digest = _digest(layer)
    size = layer.tell()
    layer.seek(0)
    image = {
        "architecture": architecture(),
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "meshmigrate hack"}],
    }
    content = json.dumps(image).encode()
    config_file = f"{hashlib.sha256(content).hexdigest()}.json"
    layer_file = f"{digest}/layer.tar"
    manifest = [{"Config": config_file, "RepoTags": [name], "Layers": [layer_file]}]
    partial = archive.with_name(f".{archive.name}.partial")
    with tarfile.open(partial, "w") as out:
        _add(out, layer_file, layer, size)
        _add(out, config_file, io.BytesIO(content), len(content))
        listing = json.dumps(manifest).encode()
        _add(out, "manifest.json", io.BytesIO(listing), len(listing))
    partial.replace(archive)


def _digest(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _add(out: tarfile.TarFile, name: str, content: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    out.addfile(entry, content)
