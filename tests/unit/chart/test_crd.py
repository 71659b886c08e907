"""The schema in the cluster and the operator's values speak of the same things."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from meshmigrate.controller import names
from meshmigrate.controller.admission import Allowed, find_denial
from meshmigrate.controller.spec import MigrationPolicy, MigrationSpec, parse_spec
from meshmigrate.controller.status import Status

ROOT = Path(__file__).parents[3]
CRD_FILE = ROOT / "crds" / "databasemigrations.yaml"
CHART = ROOT / "charts" / "meshmigrate"
CRD = yaml.safe_load(CRD_FILE.read_text())
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
STATUS = SCHEMA["properties"]["status"]

Json = dict[str, Any]


def walk(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Give every field of a schema with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from walk(field, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")


FIELDS = dict(walk(SPEC, "spec")) | dict(walk(STATUS, "status"))


def struct_fields(kind: Any, path: str) -> Iterator[str]:
    """Give every field of a struct as the paths of the schema."""
    for field in msgspec.structs.fields(kind):
        here = f"{path}.{field.encode_name}"
        yield here
        for part in (field.type, *get_args(field.type)):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                repeated = "[]" if "tuple" in str(field.type) else ""
                yield from struct_fields(part, f"{here}{repeated}")


def defaults(schema: Json) -> Any:
    """Apply a schema's defaults to nothing, as the API server does."""
    if "properties" in schema and "default" in schema:
        filled = {name: defaults(field) for name, field in schema["properties"].items()}
        return {name: value for name, value in filled.items() if value is not None}
    return schema.get("default")


def test_the_chart_carries_the_one_definition() -> None:
    """The chart's file is the file in crds/, not a copy that can differ."""
    assert (CHART / "files" / "databasemigrations.yaml").resolve() == CRD_FILE


def test_the_definition_has_the_operators_names() -> None:
    """Group, version, kind and plural."""
    assert CRD["spec"]["group"] == names.GROUP
    assert VERSION["name"] == names.VERSION
    assert CRD["spec"]["names"]["kind"] == names.KIND
    assert CRD["spec"]["names"]["plural"] == names.PLURAL


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_a_description(path: str) -> None:
    """`kubectl explain` has a sentence for each."""
    assert re.search(r"\w.*\.$", FIELDS[path]["description"], re.DOTALL)


def test_no_field_of_the_spec_names_another_namespace() -> None:
    """Every name is one of the resource's own namespace; affinity is the scheduler's business."""
    assert not [path for path in FIELDS if path.startswith("spec.") and "namespace" in path.lower()]


def test_every_rule_has_a_message() -> None:
    """A person learns what is right, not which expression was false."""
    rules = [r for f in FIELDS.values() for r in f.get("x-kubernetes-validations", ())]
    assert rules
    assert all(rule["message"] for rule in rules)
    assert all("pattern" not in field for field in FIELDS.values())


def test_the_schema_and_the_operator_know_the_same_spec() -> None:
    """No field is in one of them only."""
    schema = {path for path in FIELDS if path.startswith("spec.")}
    assert set(struct_fields(MigrationSpec, "spec")) == schema


def test_the_schema_keeps_every_field_of_the_status() -> None:
    """What the schema does not know the API server would silently drop."""
    schema = {path for path in FIELDS if path.startswith("status.")}
    assert set(struct_fields(Status, "status")) == schema


def test_schema_and_operator_have_the_same_defaults() -> None:
    """A policy left out means the same to both."""
    policy = SPEC["properties"]["policy"]
    spec = parse_spec(
        {
            "database": {"url": {"secretKeyRef": {"name": "a", "key": "b"}}},
            "source": {"configMaps": [{"name": "c"}]},
            "policy": defaults(policy),
            "ledger": defaults(SPEC["properties"]["ledger"]),
            "target": SPEC["properties"]["target"]["default"],
        }
    )
    assert spec.policy == MigrationPolicy()
    assert spec.ledger.schema == "meshmigrate"
    assert spec.target == "latest"


def test_a_fresh_resource_does_not_look_done() -> None:
    """A tool that looks before the operator does sees Ready=Unknown and Reconciling=True."""
    conditions = {c["type"]: c["status"] for c in STATUS["default"]["conditions"]}
    assert conditions == {"Ready": "Unknown", "Reconciling": "True"}


def test_the_columns_are_those_people_look_for() -> None:
    """Five always, four more with -o wide."""
    columns = VERSION["additionalPrinterColumns"]
    always = [c["name"] for c in columns if not c.get("priority")]
    wide = [c["name"] for c in columns if c.get("priority")]
    assert always == ["Phase", "Version", "Pending", "Reason", "Age"]
    assert wide == ["Run", "Duration", "Plan", "Message"]


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/manifests/*.yaml")), ids=lambda p: p.stem
)
def test_an_example_is_understood_and_allowed_by_default(path: Path) -> None:
    """No example has a field that is not there, or needs another value of the chart."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    allowed = Allowed(
        secrets=tuple(values["allowedSecrets"]),
        hosts=tuple(values["allowedHosts"]),
        service_accounts=tuple(values["allowedServiceAccounts"]),
        labels=tuple(values["allowedLabels"]),
        annotations=tuple(values["allowedAnnotations"]),
    )
    body = yaml.safe_load(path.read_text())
    assert find_denial(parse_spec(body["spec"]), body["metadata"]["namespace"], allowed) is None
