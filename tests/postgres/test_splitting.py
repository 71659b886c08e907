"""A script in pieces does to a database what psql does with the whole file."""

import os
import subprocess
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from meshmigrate.source.decode import decode_script
from meshmigrate.sql.split import split
from tests.postgres.databases import own_public
from tests.postgres.harness import PASSWORD, Database
from tests.postgres.programs import clients

_FRESH: Final = "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"

# {0} is a number of the statement's own.
STATEMENTS = st.sampled_from(
    [
        "CREATE TABLE t{0} (x int, note text DEFAULT 'naïve; 🐘')",
        'CREATE TABLE "größe;{0}" ("a;b" int DEFAULT 1, c text DEFAULT \'--x\')',
        "CREATE TABLE e{0} (x text DEFAULT E'it\\'s; \\\\', y text DEFAULT 'back\\')",
        "CREATE TABLE u{0} (x text DEFAULT U&'\\0441; ')",
        "CREATE FUNCTION f{0}() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        (
            "CREATE FUNCTION g{0}() RETURNS int LANGUAGE plpgsql AS\n"
            "$é$ BEGIN -- it's;\n RETURN 1; END $é$"
        ),
        "CREATE FUNCTION h{0}(a int DEFAULT 1) RETURNS text LANGUAGE sql AS 'SELECT ''a;''::text;'",
        "DO $$ BEGIN EXECUTE 'CREATE TABLE d{0} (x int); COMMENT ON TABLE d{0} IS ''é;'''; END $$",
        (
            "CREATE TABLE r{0} (x int);\n"
            "CREATE RULE r AS ON INSERT TO r{0} DO ALSO (SELECT 1; SELECT 2)"
        ),
        "CREATE VIEW v{0} AS SELECT '/* ; */' AS a, $$;$$ AS b, 1 - -1 AS c, '{{1;2}}'::text[]",
        (
            "CREATE TABLE p{0} (x int) PARTITION BY LIST (x);\n"
            "CREATE TABLE q{0} PARTITION OF p{0} DEFAULT"
        ),
        "CREATE TYPE y{0} AS ENUM ('a;', 'it''s', '\"')",
    ]
)
BETWEEN = st.sampled_from(
    [";", ";\n", " ;\r\n", "; -- don't; é\n", ";;\n", ";\n/* a; /* b */ 🐘 */\n", ";\t\n--\n"]
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # each example takes two rounds with the server
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    parts=st.lists(st.tuples(STATEMENTS, BETWEEN), min_size=1, max_size=8),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_the_pieces_one_by_one_leave_the_catalog_that_psql_leaves(
    database: Database, tmp_path: Path, parts: list[tuple[str, str]], mark: bytes
) -> None:
    """Whatever quotes, bodies and comments hide the semicolons."""
    own_public(database)
    text = "".join(part.format(number) + between for number, (part, between) in enumerate(parts))
    file = tmp_path / "1_m.sql"
    file.write_bytes(mark + text.encode())
    assert list(piece_by_piece(database, file).differences(by_psql(database, file))) == []


def piece_by_piece(database: Database, file: Path) -> Fingerprint:
    """Run a file as the engine sends it, in a fresh schema."""
    script = Script(ScriptKind.MIGRATION, file.name, decode_script(file.read_bytes(), file.name))
    with database.connect() as connection:
        connection.execute(_FRESH)
        for parsed in split(script):
            connection.execute(parsed.statement.text.encode())
        return catalog.take(connection)


def by_psql(database: Database, file: Path) -> Fingerprint:
    """Run a file with psql, in a fresh schema."""
    place = f"host=127.0.0.1 port={database.server.port} dbname={database.name}"
    psql = [str(clients() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    with database.connect() as connection:
        connection.execute(_FRESH)
        subprocess.run(
            [*psql, f"--dbname={place} user={database.role}", f"--file={file}"],
            env=os.environ | {"PGPASSWORD": PASSWORD, "PGCLIENTENCODING": "UTF8"},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return catalog.take(connection)
