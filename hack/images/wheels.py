"""Wheels for the product's image, collected on the host so that the build needs no network."""

import hashlib
import platform
import shutil
from pathlib import Path

from hack.cluster import virtualenv
from hack.cluster.paths import CHECKOUT, Cache
from hack.cluster.programs import run, run_logged

RUNTIME = CHECKOUT / "requirements" / "runtime.txt"
BUILD = CHECKOUT / "requirements" / "build.txt"
# The oldest glibc that manylinux tags know, and that of Debian 12 (PEP 600).
_GLIBC_MINORS = range(17, 37)


def ensure_dependencies(cache: Cache, python: str) -> Path:
    """Return a folder with the locked requirements and a wheel for each.

    `python` is the version in the image, such as `3.11`.

    Raises
    ------
    ClusterError
        pip failed: a hash does not match, or there is no wheel for that Python.
    """
    content = RUNTIME.read_bytes()
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    key = hashlib.sha256(content + f"{python} {machine}".encode()).hexdigest()[:12]
    folder = cache.images / "wheels" / key
    if folder.is_dir():
        return folder
    partial = folder.with_name(f".{key}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "requirements.txt").write_bytes(content)
    command = [_tools(cache), "-m", "pip", "download", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    for minor in _GLIBC_MINORS:
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}", "--dest", partial]
    log = cache.logs / "wheels.log"
    run_logged("collecting the dependencies", [*command, "--requirement", RUNTIME], log=log)
    partial.rename(folder)
    for older in folder.parent.iterdir():
        if older != folder:
            shutil.rmtree(older, ignore_errors=True)
    return folder


def build_product(cache: Cache, folder: Path) -> Path:
    """Build the checkout's own wheel into a folder that has nothing else, and return it.

    Raises
    ------
    ClusterError
        The project's metadata or sources are not in order.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build = [_tools(cache), "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    run(build, cwd=CHECKOUT)
    return next(folder.glob("*.whl"))


def _tools(cache: Cache) -> Path:
    """Return a Python with pip and the locked build backend."""
    key = hashlib.sha256(BUILD.read_bytes() + platform.python_version().encode()).hexdigest()[:12]
    home = cache.images / f"build-tools-{key}"
    python = home / "bin" / "python"
    finished = home / "finished"
    if not finished.exists():
        virtualenv.make(cache, home)
        install = [python, "-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"]
        log = cache.logs / "build-tools.log"
        run_logged("installing the build backend", [*install, "-r", BUILD], log=log)
        finished.touch()
    return python
