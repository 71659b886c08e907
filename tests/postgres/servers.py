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
from pathlib import Path
from typing import Final, TypedDict

from tests.postgres.programs import server_programs

SUPERUSER_PASSWORD: Final = "super-secret-3f1c"
_PREFIX: Final = "meshmigrate-tests-"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1,::1",
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

    def start(self) -> None:
        """Start it, and wait until it lets clients in; nothing happens if it runs."""
        if not is_running(self):
            log = self.data / "server.log"
            _run(self.programs / "pg_ctl", f"--pgdata={self.data}", f"--log={log}", "start")

    def stop(self, mode: str) -> None:
        """Stop it: ``fast`` ends sessions in order, ``immediate`` is like a crash."""
        _run(self.programs / "pg_ctl", f"--pgdata={self.data}", f"--mode={mode}", "stop")


@contextmanager
def running_server(
    version: str, *, initdb: tuple[str, ...] = (), settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Make a cluster of its own and run it until the block ends."""
    with server_folder() as base:
        server = Server(version, server_programs(version, base), base / "data", free_port())
        _make(server, initdb, _SETTINGS | dict(settings or {}))
        server.start()
        try:
            yield server
        finally:
            _stop(server.data)


@contextmanager
def server_folder() -> Iterator[Path]:
    """Make a folder that the server's user may write, and remove it when the block ends."""
    base = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    try:
        give_to_server_user(base)
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def running_replica(primary: Server) -> Iterator[Server]:
    """Make a streaming replica of a server and run it until the block ends."""
    with server_folder() as base:
        replica = Server(primary.version, primary.programs, base / "data", free_port())
        source = f"host=127.0.0.1 port={primary.port} user=postgres password={SUPERUSER_PASSWORD}"
        _run(
            primary.programs / "pg_basebackup",
            f"--pgdata={replica.data}",
            f"--dbname={source}",
            "--checkpoint=fast",
            "--write-recovery-conf",
            "--no-sync",
        )
        with replica.data.joinpath("postgresql.conf").open("a") as configuration:
            configuration.write(f"port = {replica.port}\n")
        replica.start()
        try:
            yield replica
        finally:
            _stop(replica.data)


def become_standby(server: Server) -> None:
    """Restart a server as a standby that has nobody to follow."""
    signal_file = server.data / "standby.signal"
    signal_file.touch()
    give_to_server_user(signal_file)
    log = server.data / "server.log"
    _run(server.programs / "pg_ctl", f"--pgdata={server.data}", f"--log={log}", "--wait", "restart")


def end_leftovers() -> None:
    """End servers whose test session was killed: their folder names the pid it had."""
    for base in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        session = base.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", session).exists():
            _stop(base / "data")
            for line in Path("/proc/mounts").read_text().splitlines():
                if line.split()[1].startswith(f"{base}/"):
                    unmount(Path(line.split()[1]))
            shutil.rmtree(base, ignore_errors=True)


def unmount(folder: Path) -> None:
    """Take away a mounted disk, even under somebody who still has a file open on it."""
    subprocess.run(["umount", "--lazy", folder], check=True)


def is_running(server: Server) -> bool:
    """Whether there is a server process, taking connections or not."""
    return _running_pid(server.data) is not None


def _make(server: Server, initdb: tuple[str, ...], settings: Mapping[str, str]) -> None:
    password_file = server.data.parent / "password"
    password_file.write_text(SUPERUSER_PASSWORD)
    give_to_server_user(password_file)
    _run(
        server.programs / "initdb",
        f"--pgdata={server.data}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
        *initdb,
    )
    with server.data.joinpath("postgresql.conf").open("a") as configuration:
        configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        configuration.write(f"port = {server.port}\n")
        configuration.write(f"unix_socket_directories = '{server.data.parent}'\n")


def _run(*command: Path | str) -> None:
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **as_server_user(),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _stop(data: Path) -> None:
    """End the server that its own pid file names; it ends at once, there is nothing to keep."""
    pid = _running_pid(data)
    if pid is not None:
        programs = Path("/proc", str(pid), "exe").readlink().parent
        try:
            _run(programs / "pg_ctl", f"--pgdata={data}", "--mode=immediate", "--wait", "stop")
        except RuntimeError:
            # Its own session may be ending it at the same moment.
            if _running_pid(data) is not None:
                raise


def _running_pid(data: Path) -> int | None:
    """Give the process that the pid file names, if it is this server and no later process."""
    try:
        pid = int(data.joinpath("postmaster.pid").read_text().split("\n")[0])
        command = Path("/proc", str(pid), "cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(data).encode() in command else None


class _Identity(TypedDict):
    """Who a program is run as, in the words of ``subprocess``."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def as_server_user() -> _Identity:
    """Give the arguments that make ``subprocess`` run a program as the server's user."""
    user = _server_user()
    if user is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


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


def give_to_server_user(path: Path) -> None:
    """Make the server's user the owner, if it is not the one who runs the tests."""
    user = _server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
