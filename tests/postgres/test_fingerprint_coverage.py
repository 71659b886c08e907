"""No table of the catalog is forgotten, on any server version."""

import pytest

from meshmigrate.engine.fingerprint.sections import SECTIONS, files_of, query
from tests.postgres.fingerprint_catalog import BY_FUNCTION_OR_VIEW, LEFT_OUT, SHOWN
from tests.postgres.harness import Database

pytestmark = pytest.mark.every_version

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'p')
"""


def test_every_table_of_the_catalog_is_in_a_section_or_left_out_with_a_reason(
    database: Database,
) -> None:
    """A new server version with a new kind of object fails here, not in somebody's rollback."""
    tables = {name for (name,) in database.query(_TABLES)}
    assert tables - SHOWN.keys() - BY_FUNCTION_OR_VIEW.keys() - LEFT_OUT.keys() == set()


def test_the_section_of_a_table_reads_it(database: Database) -> None:
    """The mapping is no wish: each section's query names the tables that are said to be in it."""
    major = int(database.server.version)
    tables = {name for (name,) in database.query(_TABLES)}
    texts = {
        section: "".join(query(name, major).decode() for name in files_of(section))
        for section in SECTIONS
    }
    unread = {
        name
        for name, section in SHOWN.items()
        if name in tables and f"pg_catalog.{name} AS" not in texts[section]
    }
    assert unread == set()
    for section, name in BY_FUNCTION_OR_VIEW.values():
        assert name in texts[section]
