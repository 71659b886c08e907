"""``meshmigrate fingerprint``: shown, saved, and compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meshmigrate.cli.main import main
from tests.postgres.harness import Database, Project, attempt, make_spec

SCHEMA = """
CREATE TABLE users (id int, name text DEFAULT 'geheim-a');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'geheim-b' $$;
CREATE VIEW v AS SELECT id, name FROM users WHERE name <> 'geheim-c';
COMMENT ON TABLE users IS 'geheim-d';
CREATE TYPE mood AS ENUM ('sad', 'glad');
"""
CHANGE = """
ALTER TABLE users ALTER name SET DEFAULT 'geheim-e', ADD COLUMN age int;
CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'geheim-f' $$;
CREATE OR REPLACE VIEW v AS SELECT id, name FROM users WHERE name <> 'geheim-c' AND id > 0;
COMMENT ON TABLE users IS 'geheim-g';
DROP TYPE mood;
"""


def fingerprint(database: Database, *options: str) -> Result:
    """Run the command."""
    url = {"MESHMIGRATE_DATABASE_URL": database.url}
    return CliRunner(env=url).invoke(main, ["fingerprint", *options])


def asked(database: Database, *options: str) -> dict[str, Any]:
    """Give its answer as JSON."""
    answer: dict[str, Any] = json.loads(fingerprint(database, *options, "--json").stdout)
    return answer


@pytest.fixture
def saved(database: Database, tmp_path: Path) -> str:
    """Give the file of the schema's fingerprint."""
    database.query(SCHEMA)
    file = tmp_path / "schema.json"
    assert fingerprint(database, "--save", str(file)).exit_code == 0
    return str(file)


def test_it_shows_a_digest_for_each_section_and_one_over_all(database: Database) -> None:
    """The same twice, and another one when a section changes."""
    before, again = asked(database), asked(database)
    assert before == again
    database.query("CREATE SCHEMA s")
    after = asked(database)
    assert after["digest"] != before["digest"]
    changed = [
        new["name"]
        for old, new in zip(before["sections"], after["sections"], strict=True)
        if old["digest"] != new["digest"]
    ]
    assert changed == ["schemas", "grants"]
    lines = fingerprint(database).stdout.splitlines()
    assert f"fingerprint: {after['digest']}" in lines
    assert any(line.startswith("section\tschemas\t2\tsha256:") for line in lines)


def test_an_unchanged_schema_equals_its_file(database: Database, saved: str) -> None:
    """Exit code 0, and it says so."""
    same = fingerprint(database, "--against", saved)
    assert same.exit_code == 0, same.output
    assert same.stdout.splitlines()[-1] == "differences: none"
    assert asked(database, "--against", saved)["differences"] == []


def test_a_difference_names_section_object_and_both_definitions(
    database: Database, saved: str
) -> None:
    """Line by line, where a definition has many; exit code 11."""
    database.query(CHANGE)
    shown = fingerprint(database, "--against", saved)
    assert shown.exit_code == 11
    text = shown.stdout
    assert "new in columns: public.users.age\n  + integer\n" in text
    assert "changed in columns: public.users.name\n  - text default '…'::text (text " in text
    assert "missing in types: public.mood\n  - enum 'sad','glad' owner app\n" in text
    assert "changed in views: public.v\n" in text
    assert "  + " in text.partition("changed in views: public.v\n")[2].partition("changed")[0]
    assert "changed in functions: public.f()\n" in text
    assert "changed in comments: table public.users\n" in text
    assert text.splitlines()[-1] == "differences: 7"


def test_what_may_be_a_secret_is_neither_shown_nor_saved(database: Database, saved: str) -> None:
    """Digests show that it changed."""
    database.query(CHANGE)
    assert "geheim" not in Path(saved).read_text()
    for options in (["--against", saved], ["--against", saved, "--json"]):
        assert "geheim" not in fingerprint(database, *options).output


def test_the_last_run_can_be_compared_with(database: Database, project: Project) -> None:
    """What somebody changed since is shown before a run has to find it."""
    project.migration("1", SCHEMA)
    attempt(database, make_spec(project))
    assert fingerprint(database, "--against", "last-run").exit_code == 0
    database.query("COMMENT ON TABLE users IS 'x'")
    (difference,) = asked(database, "--against", "last-run")["differences"]
    assert (difference["section"], difference["object"]) == ("comments", "table public.users")
    assert difference["before"].startswith("text ")


def test_without_a_run_there_is_no_last_one(database: Database) -> None:
    """Refused, with what to do instead."""
    refused = asked(database, "--against", "last-run")
    assert refused["reason"] == "NothingToCompare"
    assert "--save" in refused["failure"]["hint"]


def test_a_comparison_covers_what_the_file_does(database: Database, tmp_path: Path) -> None:
    """Unless it is told otherwise, which it says."""
    file = str(tmp_path / "schema.json")
    fingerprint(database, "--ignore", "public.y*", "--save", file)
    database.query("CREATE TABLE y2026 (x int)")
    assert fingerprint(database, "--against", file).exit_code == 0
    other = asked(database, "--against", file, "--schema", "public")
    assert other["notes"] == [
        "ignore was 'public.y*' and is '': differences may come from that alone",
        "schemas was '' and is 'public': differences may come from that alone",
    ]
    assert [it["object"] for it in other["differences"]][:1] == ["public.y2026"]


def test_another_order_of_columns_is_a_note(database: Database, saved: str) -> None:
    """It is said, and the schemas are equal."""
    database.query(
        "DROP VIEW v; ALTER TABLE users DROP id; ALTER TABLE users ADD id int; "
        "CREATE VIEW v AS SELECT id, name FROM users WHERE name <> 'geheim-c'"
    )
    shown = fingerprint(database, "--against", saved)
    assert shown.exit_code == 0, shown.output
    assert "note: public.users has its columns in another order" in shown.stdout


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", None])
def test_a_file_that_is_no_fingerprint_is_refused(
    database: Database, tmp_path: Path, content: bytes | None
) -> None:
    """Before the database is asked, also where there is no such file."""
    file = tmp_path / "schema.json"
    if content is not None:
        file.write_bytes(content)
    refused = fingerprint(database, "--against", str(file))
    assert refused.exit_code == 10
    assert "--save FILE" in refused.stderr


def test_a_file_that_cannot_be_written_is_refused(database: Database, tmp_path: Path) -> None:
    """With the place."""
    refused = fingerprint(database, "--save", str(tmp_path / "no" / "schema.json"))
    assert refused.exit_code == 10
    assert "no/schema.json cannot be written" in refused.stderr
