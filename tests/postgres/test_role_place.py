"""The place of an error in a file that runs as another role."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from meshmigrate.domain.runspec import Access
from tests.postgres.harness import Database, Project, attempt, make_spec


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """Give a role whose name has more bytes than characters."""
    name = f"größer_{database.name}"
    database.query(f'CREATE ROLE "{name}" ROLE {database.role}', superuser=True)
    yield name
    database.query(f'DROP ROLE "{name}"', superuser=True)


def test_a_role_whose_name_is_not_ascii_moves_no_place(
    database: Database, project: Project, role: str
) -> None:
    """Its SET ROLE travels in front of the statement; the server counts characters."""
    project.migration("1", "SELECT 1,\n  nowhere;")
    spec = replace(make_spec(project), database=Access(role=role))
    failure = attempt(database, spec).result.failure
    assert failure is not None
    assert (failure.line, failure.column) == (2, 3)
