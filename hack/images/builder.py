"""Build images from Dockerfiles: with docker where its engine answers, with buildah elsewhere."""

import os
import shutil
from pathlib import Path
from typing import Protocol

from hack.cluster import debian
from hack.cluster.errors import ClusterError
from hack.cluster.paths import Cache
from hack.cluster.programs import run, run_logged, say
from hack.images.base import Base, ensure_archive

# About twelve rebuilds; each leaves a few steps that share all but the last megabyte.
_STEPS_KEPT = 60
_PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


class Builder(Protocol):
    """What building needs."""

    def base(self, base: Base) -> str:
        """Make a base available and return its image's name."""

    def python_version(self, image: str) -> str:
        """Version of the Python in an image, such as `3.11`."""

    def build(self, image: str, dockerfile: Path, context: Path, base: str) -> None:
        """Build an image."""

    def export(self, image: str, archive: Path) -> None:
        """Write an image to an archive that the cluster can import."""


class Docker:
    """Docker's own builder; bases come from its registry."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def base(self, base: Base) -> str:
        """Name the public image that stands for a base; docker fetches it."""
        return {"python": "python:3.13-slim", "postgres": "debian:12-slim"}[base.name]

    def python_version(self, image: str) -> str:
        """Version of the Python in an image."""
        entry = ["docker", "run", "--rm", "--entrypoint", "python3", image]
        return run([*entry, "-c", _PYTHON_VERSION]).strip()

    def build(self, image: str, dockerfile: Path, context: Path, base: str) -> None:
        """Build an image.

        Raises
        ------
        ClusterError
            The build failed; the message has the end of its log.
        """
        command = ["docker", "build", "--tag", image, "--build-arg", f"BASE={base}"]
        log = _log(self._cache, dockerfile)
        run_logged(f"building {image}", [*command, "--file", dockerfile, context], log=log)

    def export(self, image: str, archive: Path) -> None:
        """Write an image to an archive."""
        run(["docker", "save", "--output", archive, image])


class Buildah:
    """Buildah, with its storage in our cache; bases are made by mmdebstrap."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._storage = cache.images / "storage"
        # What is mounted, which a reboot makes untrue: so every boot has its own.
        self._running = cache.images / "running" / boot
        debian.ensure(cache, debian.IMAGE_PROGRAMS)
        for older in self._running.parent.glob("*"):
            if older != self._running:
                shutil.rmtree(older, ignore_errors=True)

    def base(self, base: Base) -> str:
        """Make a base file system, once, and take it into the storage."""
        archive = ensure_archive(self._cache, base)
        image = base.image()
        if not self._has(image):
            run(self._command("pull", "--quiet", f"docker-archive:{archive}"))
        return image

    def python_version(self, image: str) -> str:
        """Version of the Python in an image."""
        container = run(self._command("from", "--pull-never", image)).strip()
        try:
            ask = self._command("run", container, "--", "python3", "-c", _PYTHON_VERSION)
            return run(ask, env=_environment()).strip()
        finally:
            run(self._command("rm", container))

    def build(self, image: str, dockerfile: Path, context: Path, base: str) -> None:
        """Build an image.

        Raises
        ------
        ClusterError
            The build failed; the message has the end of its log.
        """
        command = self._command("build", "--layers", "--pull-never", "--tag", image)
        command += ["--build-arg", f"BASE={base}", "--file", str(dockerfile), str(context)]
        log = _log(self._cache, dockerfile)
        run_logged(f"building {image}", command, log=log, env=_environment())
        self._prune()

    def export(self, image: str, archive: Path) -> None:
        """Write an image to an archive, uncompressed: it is read once, on this machine."""
        archive.unlink(missing_ok=True)
        target = f"docker-archive:{archive}:{image}"
        run(self._command("push", "--quiet", "--disable-compression", image, target))

    def _prune(self) -> None:
        """Remove steps of earlier builds; now and then, because later ones start from some."""
        if len(run(self._command("images", "--all", "--quiet")).split()) > _STEPS_KEPT:
            try:
                run(self._command("rmi", "--prune"))
            except ClusterError as error:  # the image is there; the next build tries again
                say(f"steps of earlier builds were not removed: {error}")

    def _has(self, image: str) -> bool:
        try:
            run(self._command("inspect", "--type", "image", "--format", "{{.FromImageID}}", image))
        except ClusterError:
            return False
        return True

    def _command(self, *words: str) -> list[str]:
        """Call buildah in a mount namespace of its own: its mounts end with it."""
        own = ["unshare", "--mount", "--propagation", "private", "buildah"]
        storage = ["--storage-driver", "overlay", "--root", str(self._storage)]
        return [*own, *storage, "--runroot", str(self._running), *words]


def _environment() -> dict[str, str]:
    """Chroot isolation: it needs neither a runtime nor a network for the build's steps."""
    return {**os.environ, "BUILDAH_ISOLATION": "chroot"}


def _log(cache: Cache, dockerfile: Path) -> Path:
    return cache.logs / f"image-{dockerfile.stem.lower()}.log"
