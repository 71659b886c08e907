"""Values that must be seen nowhere: each holds the same mark, and where it was put."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from psycopg.sql import SQL, Identifier, Literal

from tests.postgres.databases import administrator
from tests.postgres.harness import PASSWORD, Database, Project

MARK: Final = "zqxj"
"""Stands in every canary, the password of the harness among them."""

PARTS_OF_THE_PASSWORD: Final = (MARK, "w0rd", "%2Fzq")
"""What would show of it, also if a part or another spelling of it were told."""

STORED_ON_PURPOSE: Final = {("script", "text"), ("fingerprint", "objects")}
"""What docs/security.md says that the ledger keeps: the scripts, and the schema's definitions."""

TABLE: Final = """
CREATE TABLE t (id int PRIMARY KEY, note text DEFAULT 'zqxj-default' CHECK (note <> 'zqxj-no'));
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'zqxj-body' $$;
CREATE TYPE mood AS ENUM ('calm');
COMMENT ON TABLE t IS 'zqxj-comment';
INSERT INTO t VALUES (1, 'zqxj-row'), (2, 'zqxj-row');
"""
BACK: Final = "DROP TYPE mood; DROP FUNCTION f(); DROP TABLE t"

PUBLISHER: Final = f"user={MARK}_user password={MARK}-password dbname={MARK}-database"

FAILING: Final = {
    "a literal that is no number": f"SELECT '{MARK}-literal'::int",
    "a row that is no number": (
        "ALTER TABLE t ALTER note DROP DEFAULT, ALTER note TYPE int USING note::int"
    ),
    "a date": f"SELECT '{MARK}-date'::date",
    "JSON": f"""SELECT '{{"a": {MARK}}}'::json""",
    "an enum": f"SELECT '{MARK}-mood'::mood",
    "an array": f"SELECT '{{{MARK}'::int[]",
    "a regular expression": f"SELECT 'a' ~ '{MARK}('",
    "a format": f"SELECT format('%{MARK}', 1)",
    "a setting": f"SET work_mem = '{MARK}-setting'",
    "a duplicate row": "CREATE UNIQUE INDEX ON t (note)",
    "a duplicate literal": "INSERT INTO t VALUES (1, 'zqxj-row')",
    "a check": "INSERT INTO t VALUES (3, 'zqxj-no')",
    "a null beside a value": "INSERT INTO t VALUES (NULL, 'zqxj-beside')",
    "a foreign key": (
        "CREATE TABLE u (n text PRIMARY KEY); ALTER TABLE t ADD FOREIGN KEY (note) REFERENCES u"
    ),
    "a deferred key": (
        "CREATE TABLE u (n text PRIMARY KEY, m text REFERENCES u DEFERRABLE INITIALLY DEFERRED);"
        " INSERT INTO u VALUES ('a', 'zqxj-deferred')"
    ),
    "a cast in a body": "DO $$ BEGIN PERFORM note::int FROM t; END $$",
    "a literal in a body": f"DO $$ BEGIN PERFORM '{MARK}-in-body'::int; END $$",
    "dynamic SQL": f"DO $$ BEGIN EXECUTE 'SELECT ''{MARK}-dynamic''::int'; END $$",
    "dynamic SQL that is none": f"DO $$ BEGIN EXECUTE '{MARK} dynamic'; END $$",
    "details of its author": (
        "DO $$ BEGIN RAISE EXCEPTION 'no' USING"
        f" DETAIL = '{MARK}-detail', HINT = '{MARK}-hint'; END $$"
    ),
    "a body that is none": f"DO $$ BEGIN '{MARK}-syntax'; END $$",
    "a file of the server": f"COPY t FROM '/{MARK}-file'",
    "a large object": f"SELECT lo_import('/{MARK}-object')",
}
"""Statements that fail on TABLE, with a value in what the server says."""

SUBSCRIPTIONS: Final = {
    "a host that is none": f"host={MARK}-host.invalid {PUBLISHER}",
    "a user who is none": f"host=127.0.0.1 port=%PORT% {PUBLISHER}",
    "no connection string": f"{MARK}-word",
    "an unknown parameter": f"{MARK}=1",
    "a port that is none": f"host=127.0.0.1 port={MARK} {PUBLISHER}",
}

REFUSED: Final = {
    "an open string": f"SELECT 1;\nSELECT '{MARK}-open",
    "two strings": f"SELECT 1 '{MARK}-second'",
    "an open body": f"DO $$ BEGIN PERFORM '{MARK}-open'; END",
    "a password": f"\\connect postgres://u:{MARK}-connect@h/d",
    "rows of COPY": f"COPY t FROM STDIN;\n3\t{MARK}-copied\n\\.\n",
    "a COMMIT": "INSERT INTO t VALUES (9, 'zqxj-before'); COMMIT",
}
"""Scripts that are not even begun."""


def failing_project(project: Project, statement: str) -> Project:
    """Give a project whose second file fails, and whose first has a way back."""
    return project.migration("1", TABLE, BACK).migration("2", statement, "SELECT 1")


@contextmanager
def trusted_owner(database: Database) -> Iterator[Database]:
    """Give the database to a role that may do more, until the block ends.

    Its name is no secret: it is that of an owner in the schema, and of a session in others' way.
    """
    role = Identifier(name := f"owner_{database.name}")
    with administrator(database.server) as connection:
        connection.execute(
            SQL(
                "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_read_server_files,"
                " pg_create_subscription"
            ).format(role, Literal(PASSWORD))
        )
        connection.execute(
            SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database.name), role)
        )
        yield replace(database, role=name)
        with database.connect(superuser=True) as here:
            here.execute(SQL("REASSIGN OWNED BY {0} TO postgres; DROP OWNED BY {0}").format(role))
        connection.execute(SQL("DROP ROLE {}").format(role))


def stored(database: Database) -> dict[tuple[str, str], str]:
    """Give all that the ledger's columns hold, packed ones unpacked, by table and column."""
    columns = database.query(
        "SELECT relname, attname, typname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = "
        "attrelid JOIN pg_type AS t ON t.oid = atttypid WHERE attnum > 0 AND NOT attisdropped AND "
        "relkind = 'r' AND relnamespace = to_regnamespace('meshmigrate')"
    )
    with database.connect() as connection:
        return {
            (table, column): "\n".join(
                map(
                    _unpacked if (table, column) == ("fingerprint", "objects") else str,
                    (
                        value
                        for (value,) in connection.execute(
                            SQL("SELECT {} FROM meshmigrate.{}").format(
                                Identifier(column), Identifier(table)
                            )
                        )
                    ),
                )
            )
            for table, column, _ in columns
        }


def _unpacked(packed: bytes) -> str:
    return json.dumps(json.loads(zlib.decompress(packed)))


def assert_unseen(seen: dict[str, str], database: Database | None = None) -> None:
    """Fail if any of these texts, or a column of the ledger, shows a canary."""
    ledger = {
        f"ledger: {table}.{column}": text
        for (table, column), text in (stored(database) if database else {}).items()
        if (table, column) not in STORED_ON_PURPOSE
    }
    shown = {
        place: text
        for place, text in (seen | ledger).items()
        if any(part in text for part in PARTS_OF_THE_PASSWORD)
    }
    assert not shown, "\n".join(f"{place}:\n{text}" for place, text in shown.items())
