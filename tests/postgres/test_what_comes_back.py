"""The table of `docs/rollback.md`: what comes back, each row on a real server."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from meshmigrate.domain.runspec import Policy, TransactionMode
from tests.postgres.harness import ALLOWED, Database, Project, attempt, make_spec

PAGE = Path(__file__).parents[2] / "docs" / "rollback.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \| `(\w+)`, `(\w+)` \|$", re.MULTILINE)

BEFORE = """
CREATE TABLE users (id bigint PRIMARY KEY, name text, age int, joined varchar(9));
INSERT INTO users VALUES (1, 'ann', 30, '20260101');
CREATE VIEW names AS SELECT name FROM users;
CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;
CREATE INDEX by_name ON users (name);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
CREATE TYPE mood AS ENUM ('good');
"""
CREATE = """
CREATE TYPE size AS ENUM ('s');
CREATE TABLE shirts (id int PRIMARY KEY, size size, owner bigint REFERENCES users);
ALTER TABLE users ADD COLUMN mail text CHECK (mail <> '');
CREATE INDEX by_owner ON shirts (owner);
CREATE VIEW sizes AS SELECT size FROM shirts;
CREATE FUNCTION two() RETURNS int LANGUAGE sql RETURN 2;
CREATE POLICY adults ON users USING (age > 17);
GRANT SELECT ON users TO PUBLIC;
"""
DROP = """
REVOKE SELECT ON users FROM PUBLIC;
DROP POLICY adults ON users;
DROP FUNCTION two;
DROP VIEW sizes;
DROP TABLE shirts;
DROP TYPE size;
ALTER TABLE users DROP COLUMN mail;
"""
REPLACE = """
DROP VIEW names;
DROP INDEX by_name;
ALTER POLICY own ON users USING (true);
CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 3;
"""
REPLACE_BACK = """
CREATE VIEW names AS SELECT name FROM users;
CREATE INDEX by_name ON users (name);
ALTER POLICY own ON users USING (name = current_user);
CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;
"""
MOOD_ANEW = "ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('good'); DROP TYPE old;"


@dataclass(frozen=True)
class Row:
    """A row of the table: scripts that stand for it, and what becomes of them."""

    up: str
    down: str | None
    ready: str
    outcome: str
    reason: str = "StatementFailed"
    mode: TransactionMode = "PerFile"


LOST = ("DataLoss", "RolledBack", "DataNotRestored")
BACK = ("ScriptUnverified", "RolledBack")
TABLE = {
    ("anything, in a batch", "not needed"): Row(
        CREATE, None, "Transactional", "Failed", mode="Auto"
    ),
    ("creates anything, grants included", "drops and revokes it"): Row(CREATE, DROP, *BACK),
    ("builds an index concurrently", "drops it concurrently"): Row(
        "CREATE INDEX CONCURRENTLY i ON users (age)", "DROP INDEX CONCURRENTLY i", *BACK
    ),
    ("drops or changes a view, index, policy or function", "makes it as it was"): Row(
        REPLACE, REPLACE_BACK, *BACK
    ),
    ("renames", "names it back"): Row(
        "ALTER TABLE users RENAME name TO nick", "ALTER TABLE users RENAME nick TO name", *BACK
    ),
    ("widens the type of a column", "gives it the former type"): Row(
        "ALTER TABLE users ALTER age TYPE bigint", "ALTER TABLE users ALTER age TYPE int", *BACK
    ),
    ("fills a column that it has added", "drops the column"): Row(
        "ALTER TABLE users ADD x int; UPDATE users SET x = age", "ALTER TABLE users DROP x", *BACK
    ),
    ("inserts rows", "deletes them"): Row(
        "INSERT INTO users VALUES (2, 'bob')", "DELETE FROM users WHERE id = 2", *BACK
    ),
    ("drops a column or a table with its data", "makes it anew, empty"): Row(
        "ALTER TABLE users DROP age", "ALTER TABLE users ADD age int", *LOST
    ),
    ("updates or deletes rows, truncates", "whatever it does"): Row(
        "DELETE FROM users", "INSERT INTO users VALUES (1, 'ann', 30, '20260101')", *LOST
    ),
    ("narrows the type of a column", "gives it the former type"): Row(
        "ALTER TABLE users ALTER age TYPE smallint", "ALTER TABLE users ALTER age TYPE int", *LOST
    ),
    ("adds a value to an enum type", "makes the type anew"): Row(
        "ALTER TYPE mood ADD VALUE 'bad'", MOOD_ANEW, *BACK
    ),
    ("adds a value to an enum type", "cannot take it out"): Row(
        *("ALTER TYPE mood ADD VALUE 'bad'", "SELECT 1"),
        *("Irreversible", "Halted", "Irreversible"),
    ),
    ("anything", "says `-- meshmigrate: irreversible REASON`"): Row(
        *("SELECT 1", "-- meshmigrate: irreversible partners were told\nSELECT 1"),
        *("Irreversible", "Halted", "Irreversible"),
    ),
    ("anything", "does not exist"): Row(CREATE, None, "NoScript", "Halted", "NoRollbackScript"),
    ("anything", "forgets something"): Row(
        CREATE,
        "DROP TABLE shirts CASCADE",
        "ScriptUnverified",
        "RollbackFailed",
        "FingerprintMismatch",
    ),
    ("anything", "fails"): Row(
        CREATE, "SELECT 1/0", "ScriptUnverified", "RollbackFailed", "RollbackScriptFailed"
    ),
}


def test_the_page_and_the_test_have_the_same_rows() -> None:
    """In the same order, with the same words."""
    rows = [tuple(cell.strip() for cell in row) for row in ROW.findall(PAGE.read_text())]
    assert rows == [(*name, row.ready, row.outcome, row.reason) for name, row in TABLE.items()]


@pytest.mark.parametrize("name", TABLE, ids=lambda name: f"{name[0]}, {name[1]}")
def test_a_later_file_fails_and_what_then(
    database: Database, project: Project, name: tuple[str, str]
) -> None:
    """Foreseen before the first statement; RolledBack means as before, with all its data or not."""
    row = TABLE[name]
    database.query(BEFORE)
    before = database.dump()
    project.migration("1", row.up, row.down).migration("2", "SELECT 1/0")
    policy = Policy(transaction_mode=row.mode, hazards=ALLOWED)
    done = attempt(database, make_spec(project, policy=policy)).result
    assert done.rollback_ready is not None
    found = (done.rollback_ready.reason, done.outcome, done.reason)
    assert found == (row.ready, row.outcome, row.reason), done.message
    assert done.fingerprint is not None
    as_before = row.outcome in {"RolledBack", "Failed"}
    assert (done.fingerprint.before == done.fingerprint.after) == (
        as_before or row.up == "SELECT 1"
    )
    if as_before and row.ready != "DataLoss":
        assert database.dump() == before
