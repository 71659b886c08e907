"""The chart as a text: what can be said without rendering it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from meshmigrate.cli.operator_command import operator

Json = dict[str, Any]

CHART = Path(__file__).parents[3] / "charts" / "meshmigrate"
VALUES: Json = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "\n".join(path.read_text() for path in (CHART / "templates").iterdir())


def paths(values: Json, schema: Json, path: str = "") -> Iterator[tuple[str, bool, Json]]:
    """Give every value with whether it is there, and what the schema says of it."""
    for name in values.keys() | schema["properties"].keys():
        described = schema["properties"].get(name, {})
        if "$ref" in described:
            described = SCHEMA["$defs"][described["$ref"].rpartition("/")[2]] | described
        yield f"{path}{name}", name in values, described
        if "properties" in described and values.get(name) != {}:
            yield from paths(values[name], described, f"{path}{name}.")


ABSENT = {"global", "resources.claims"}
"""Helm's own, and what hardly anybody needs."""


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    """A value that is not described cannot be set, at any depth; each has a sentence."""
    found = {path: (there, schema) for path, there, schema in paths(VALUES, SCHEMA)}
    assert {path for path, (there, _) in found.items() if not there} == ABSENT
    for path, (_, schema) in found.items():
        inner = path.startswith("resources.")
        assert inner or schema["description"].endswith("."), path
        assert "properties" not in schema or schema["additionalProperties"] is False, path


def test_what_is_usual_is_what_the_values_say() -> None:
    """A release whose values lack one, as after --reuse-values, behaves like a new one."""
    text = (CHART / "templates" / "_usual.tpl").read_text()
    found = re.search(r'define "meshmigrate.usual" -}}\n(.*?){{- end', text, re.DOTALL)
    assert found is not None
    assert yaml.safe_load(found[1]) == VALUES


def test_no_value_is_required() -> None:
    """A chart before this one had not all of them; each template fills in what is missing."""
    described = [SCHEMA, *(schema for _, _, schema in paths(VALUES, SCHEMA))]
    whole = SCHEMA["$defs"]["destination"]
    demanding = [each for each in described if "required" in each]
    assert all(each["required"] == whole["required"] for each in demanding)
    for path in (CHART / "templates").iterdir():
        fills = path.read_text().startswith('{{- include "meshmigrate.values" . -}}\n')
        assert fills == (path.suffix != ".tpl"), path


def test_every_value_is_used() -> None:
    """No value is there for nothing."""
    assert all(f".Values.{name}" in TEMPLATES for name in VALUES)


def test_no_rule_names_secrets() -> None:
    """The operator can read no Secret: the kubelet mounts them into the runner's pod."""
    rules = re.search(r'define "meshmigrate.rules" -}}(.*?){{- end', TEMPLATES, re.DOTALL)
    assert rules is not None
    granted = {name for rule in yaml.safe_load(rules[1]) for name in rule["resources"]}
    assert granted == {
        "databasemigrations",
        "databasemigrations/status",
        "databasemigrations/finalizers",
        "jobs",
        "pods",
        "pods/log",
        "events",
    }
    assert "*" not in rules[1]


def test_the_documentation_lists_every_right_and_no_other() -> None:
    """docs/operator.md has a row for each rule, with its verbs."""
    rules = re.search(r'define "meshmigrate.rules" -}}(.*?){{- end', TEMPLATES, re.DOTALL)
    assert rules is not None
    granted = {
        (name, ", ".join(rule["verbs"]))
        for rule in yaml.safe_load(rules[1])
        for name in rule["resources"]
    }
    lease = (CHART / "templates" / "lease.yaml").read_text()
    assert set(re.findall(r"resources: \[(.*)\]", lease)) == {"leases"}
    granted.add(("leases", ", ".join(re.findall(r"verbs: \[(.*)\]", lease))))
    page = (CHART.parents[1] / "docs" / "operator.md").read_text()
    table = page.partition("## What it may do")[2]
    assert set(re.findall(r"^\| `([\w/]+)` \| ([\w, ]+) \|", table, re.MULTILINE)) == granted


def test_the_deployment_sets_only_what_the_command_knows() -> None:
    """Each variable of the operator in the Deployment is one of the command's options."""
    known = {option.envvar for option in operator.params if hasattr(option, "envvar")}
    used = set(re.findall(r"MESHMIGRATE_\w+", TEMPLATES))
    assert used <= known
