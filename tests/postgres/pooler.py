"""A real PgBouncer between a test and its database."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.postgres.harness import PASSWORD, Database, eventually
from tests.postgres.ports import free_port, listens
from tests.postgres.servers import as_server_user

_PROGRAM: Final = Path("/usr/sbin/pgbouncer")
_CONFIGURATION: Final = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
logfile = {folder}/log
pool_mode = {mode}
"""


@contextmanager
def pooled(database: Database, mode: str, folder: Path) -> Iterator[Database]:
    """Give the same database behind a pooler of that mode, which ends with the block.

    ``folder`` must be one that the server's user may write.
    """
    if not _PROGRAM.exists():
        raise RuntimeError("PgBouncer is missing: hack/apt-install pgbouncer")
    port = free_port()
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(server_port=database.server.port, port=port, folder=folder, mode=mode)
    )
    folder.joinpath("users").write_text(f'"{database.role}" "{PASSWORD}"\n')
    # It must not outlive a test session that is killed.
    command = ["setpriv", "--pdeathsig", "KILL", str(_PROGRAM), "--quiet", str(configuration)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **as_server_user()) as process:
        try:
            eventually(lambda: listens(port), "PgBouncer listens")
            yield replace(database, server=replace(database.server, port=port))
        finally:
            process.kill()
