"""The JSON Schemas that are shipped: they say what the program writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from hack.schemas import FOLDER, TYPES, make_schema, write_schemas
from meshmigrate.domain.runspec import Contract

CLI_PAGE = Path(__file__).parents[3].joinpath("docs", "cli.md").read_text()


@pytest.mark.parametrize("name", TYPES)
def test_a_shipped_schema_is_that_of_the_code(name: str) -> None:
    """`make schemas` writes them anew where a type has changed."""
    assert FOLDER.joinpath(f"{name}.json").read_bytes() == make_schema(TYPES[name])


def test_no_schema_is_left_over(tmp_path: Path) -> None:
    """The folder holds what is generated, and nothing else."""
    write_schemas(tmp_path)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
        path.name for path in tmp_path.iterdir()
    )


@pytest.mark.parametrize("name", TYPES)
def test_the_documentation_links_every_schema(name: str) -> None:
    """docs/cli.md says which answer each of them describes."""
    assert f"(schemas/{name}.json)" in CLI_PAGE


@pytest.mark.parametrize("described", TYPES.values(), ids=TYPES)
def test_every_object_carries_its_version_and_camel_case_names(described: type[Contract]) -> None:
    """So that a reader knows what it holds, and every name is written the same way."""
    schema = json.loads(make_schema(described))
    objects: dict[str, dict[str, Any]] = schema["$defs"]
    outermost = objects[described.__name__]
    assert "apiVersion" in outermost["required"]
    names = [name for each in objects.values() for name in each.get("properties", {})]
    assert names
    assert [name for name in names if not name.isalnum() or not name[0].islower()] == []
