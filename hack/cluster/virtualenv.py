"""Virtual environments in the cache, for tools that come as Python packages."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from hack.cluster import debian
from hack.cluster.errors import UnmetNeedError
from hack.cluster.paths import Cache
from hack.cluster.programs import run_logged


def make(cache: Cache, home: Path) -> Path:
    """Make an empty virtual environment with pip and return its Python.

    Raises
    ------
    UnmetNeedError
        This Python lacks the module that installs pip, and it cannot be installed.
    ClusterError
        The environment could not be made.
    """
    if importlib.util.find_spec("ensurepip") is None or _is_debians_without_venv():
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise UnmetNeedError(
                f"{sys.executable} cannot make virtual environments: install its venv module "
                "(Debian and Ubuntu call the package python3-venv)"
            )
        debian.install(cache, ["python3-venv"])
    shutil.rmtree(home, ignore_errors=True)
    log = cache.logs / f"venv-{home.name}.log"
    command = [sys.executable, "-m", "venv", home]
    run_logged(f"making a virtual environment ({home.name})", command, log=log)
    return home / "bin" / "python"


def _is_debians_without_venv() -> bool:
    """Debian ships ensurepip's code with Python, but what it installs in another package."""
    system = Path(sys.base_prefix) == Path("/usr") and Path("/etc/debian_version").exists()
    return system and not any(Path("/usr/share/python-wheels").glob("pip-*.whl"))
