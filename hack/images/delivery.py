"""Bring an image to the cluster: built only if its inputs changed, loaded only if it lacks it."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.choice import Cluster
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.cluster.programs import elapsed, say
from hack.images.builder import Builder


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image, ready to be built.

    Attributes
    ----------
    image
        Name and tag that pods reference.
    key
        Hash of everything that decides about the result.
    build
        Builds it.
    """

    image: str
    key: str
    build: Callable[[], None]


def deliver(cache: Cache, builder: Builder, cluster: Cluster, recipe: Recipe) -> None:
    """Build and load an image, doing only what is not done yet.

    Raises
    ------
    ClusterError
        The build or the import failed.
    """
    began = time.monotonic()
    record = _Record(cache.images / "delivered.json", recipe.image)
    fault = cluster.fault()
    present = cluster.digest(recipe.image) if fault is None else None
    if record.key == recipe.key and record.digest is not None and record.digest == present:
        say(f"{recipe.image}: up to date")
        return
    if record.key != recipe.key or not record.built:
        recipe.build()
        record.write(key=recipe.key, digest=None)
    if fault is not None:
        say(f"{recipe.image}: built, but not loaded into the cluster: {fault}")
        return
    archive = cache.images / "export.tar"
    try:
        builder.export(recipe.image, archive)
        cluster.load(archive)
    finally:
        archive.unlink(missing_ok=True)
    loaded = cluster.digest(recipe.image)
    if loaded is None:
        raise ClusterError(f"{recipe.image} was loaded, but the cluster does not list it")
    record.write(key=recipe.key, digest=loaded)
    say(f"{recipe.image}: loaded ({elapsed(began)})")


def key_of(files: Iterable[Path], *others: str) -> str:
    """Hash of files' contents and of other inputs."""
    digest = hashlib.sha256("\0".join(others).encode())
    for file in files:
        digest.update(b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class _Record:
    """What was built last for an image, and which digest the cluster gave it."""

    def __init__(self, file: Path, image: str) -> None:
        self._file = file
        self._image = image
        mine = self._all().get(image, {})
        self.key = mine.get("key")
        self.digest = mine.get("digest")

    @property
    def built(self) -> bool:
        """Whether a build of this image was finished before."""
        return self.key is not None

    def write(self, *, key: str, digest: str | None) -> None:
        """Replace what is known of the image."""
        self.key, self.digest = key, digest
        everything = {**self._all(), self._image: {"key": key, "digest": digest}}
        fresh = self._file.with_name(f".{self._file.name}.new")
        fresh.write_text(json.dumps(everything))
        fresh.replace(self._file)

    def _all(self) -> dict[str, dict[str, str | None]]:
        try:
            found: dict[str, dict[str, str | None]] = json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found
