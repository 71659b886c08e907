"""Which pg_dump is used, and what is said where it cannot copy a schema."""

from pathlib import Path

import pytest

from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.review.schema_copy import dump_schema

PASSWORD = "hunter2-tr0ub4dor"


@pytest.fixture
def parameters() -> ConnectionParameters:
    """Give a database with a password."""
    return parse_database_url(f"postgresql://app:{PASSWORD}@127.0.0.1:1/shop?sslmode=disable")


def pg_dump(folder: Path, monkeypatch: pytest.MonkeyPatch, version: int, does: str = "") -> None:
    """Put a pg_dump of some version on the PATH, which does this."""
    program = folder / "pg_dump"
    told = f'[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version}.1" && exit 0'
    program.write_text(f"#!/bin/sh\n{told}\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_older_pg_dump_than_the_server_is_refused(
    parameters: ConnectionParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fail, or leave out what it does not know; which one is needed is said."""
    pg_dump(tmp_path, monkeypatch, 98)
    with pytest.raises(Refusal) as refused:
        dump_schema(parameters, 99, without="meshmigrate")
    assert refused.value.reason is Reason.PROGRAM_MISSING
    assert refused.value.message.endswith("99 or newer is needed: the newest here is 98")
    assert "postgresql-client-99" in refused.value.hint


def test_a_newer_pg_dump_is_used(
    parameters: ConnectionParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest there is; the lines that only psql understands are taken out."""
    pg_dump(tmp_path, monkeypatch, 99, r"printf '\\restrict x7\nSELECT 1;\n\\unrestrict x7\n'")
    assert dump_schema(parameters, 98, without="meshmigrate") == "\nSELECT 1;\n\n"


def test_what_pg_dump_says_is_shown_without_the_password(
    parameters: ConnectionParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schema that cannot be read is refused, with the right that may be missing."""
    pg_dump(tmp_path, monkeypatch, 99, 'echo "denied to $PGPASSWORD" >&2; exit 1')
    with pytest.raises(Refusal) as refused:
        dump_schema(parameters, 15, without="meshmigrate")
    assert refused.value.reason is Reason.DUMP_FAILED
    assert refused.value.message == "pg_dump cannot read the schema: denied to …"
    assert "pg_read_all_data" in refused.value.hint
