"""What the figures of the engine are taken on: a server of its own, databases, folders of files."""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from bench.process import MESHMIGRATE, Finished, measure
from tests.postgres.servers import SUPERUSER_PASSWORD, Server, running_server

PSQL: Final = "/usr/lib/postgresql/15/bin/psql"

# As installed: commits are flushed. Autovacuum would come at times of its own.
_SETTINGS: Final = {
    "autovacuum": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "log_statement": "none",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
}
SLOW_FLUSH: Final = {"commit_delay": "1000", "commit_siblings": "0"}
"""Each flush waits for a millisecond, as on an ordinary network disk (PostgreSQL manual, "WAL
Configuration")."""
NO_SETTINGS: Final[Mapping[str, str]] = {}
_NAMES: Final = count(1)
_SESSION_ENDS: Final = 0.2
"""Seconds within which a server process follows its client."""
_CHILDREN: Final = 13
"""Where the times of ended children stand behind the name of the program (proc(5))."""
_FILES: Final = (
    "CREATE TABLE {table} (\n    id bigint PRIMARY KEY,\n    name text NOT NULL\n);\n",
    "ALTER TABLE {table} ADD COLUMN note text;\n",
    "CREATE INDEX {table}_name ON {table} (name);\n",
    "INSERT INTO {table} (id, name) VALUES (1, 'one'), (2, 'two');\n",
)
_RECORD: Final = "INSERT INTO history VALUES ('{}', '{}', now());"


@dataclass(frozen=True)
class Ground:
    """A running server."""

    server: Server

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which libpq finds it."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.server.port),
            "PGUSER": "postgres",
            "PGPASSWORD": SUPERUSER_PASSWORD,
            "PGSSLMODE": "disable",
        }

    @property
    def processor(self) -> float:
        """Seconds of processor time of all sessions that have ended."""
        time.sleep(_SESSION_ENDS)
        postmaster = self.server.data.joinpath("postmaster.pid").read_text().split()[0]
        fields = Path("/proc", postmaster, "stat").read_text().rpartition(")")[2].split()
        return (int(fields[_CHILDREN]) + int(fields[_CHILDREN + 1])) / os.sysconf("SC_CLK_TCK")

    def new_database(self, settings: Mapping[str, str] = NO_SETTINGS) -> str:
        """Make an empty database, and give its name; what was written before is on disk.

        It goes with the server, never before: an ext4 without a journal looks through all inodes
        that were freed within the last minute before it takes another one, and a database with
        1,000 files applied has 1,300. Each 1,000 of them cost the next such run up to 0.4 s
        (measured), whoever's it was.
        """
        name = f"bench{next(_NAMES)}"
        with self.connect("postgres") as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            for setting, value in settings.items():
                given = Identifier(name), Identifier(setting), value
                connection.execute(SQL("ALTER DATABASE {} SET {} = {}").format(*given))
            connection.execute("CHECKPOINT")
        return name

    def connect(self, database: str) -> psycopg.Connection[TupleRow]:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.server.port,
            user="postgres",
            password=SUPERUSER_PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def apply(
        self,
        database: str,
        folder: Path,
        program: Sequence[str] = MESHMIGRATE,
        *,
        mode: str = "PerFile",
    ) -> Finished:
        """Apply a folder of migrations with the command, each file in its transaction."""
        url = f"postgresql://postgres@127.0.0.1:{self.server.port}/{database}?sslmode=disable"
        options = ("--migrations", str(folder), "--transaction-mode", mode, "--json")
        command = (*program, "apply", *options)
        return measure(command, self.environment | {"MESHMIGRATE_DATABASE_URL": url})

    def psql(self, database: str, file: Path) -> Finished:
        """Run a file with psql, which stops at the first error."""
        command = (PSQL, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", str(file))
        return measure(command, self.environment)


@contextmanager
def ground(version: str) -> Iterator[Ground]:
    """Run a server as it is installed, flushes included, until the block ends."""
    with running_server(version, settings=_SETTINGS) as server:
        yield Ground(server)


def write_files(root: Path, number: int) -> tuple[Path, Path]:
    """Write files of the usual kinds; give their folder, and the same work as a psql script.

    The script runs each file in a transaction that records it in a table.
    """
    folder = root / f"files-{number}"
    folder.mkdir(parents=True)
    lines = ["CREATE TABLE history (version text PRIMARY KEY, checksum text, at timestamptz);"]
    for index in range(number):
        text = _FILES[index % len(_FILES)].format(table=f"t{index // len(_FILES):06}")
        version = f"{index + 1:06}"
        path = folder / f"{version}_change.sql"
        path.write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        lines += ["BEGIN;", f"\\i {path}", _RECORD.format(version, digest), "COMMIT;"]
    script = root / f"files-{number}.sql"
    script.write_text("\n".join(lines))
    return folder, script
