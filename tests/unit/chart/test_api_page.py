"""docs/api.md says what the cluster knows."""

from typing import Any

from hack.api_page import PAGE, make_page, read_definition


def test_the_page_is_that_of_the_definition() -> None:
    """`make schemas` writes it anew where the definition has changed."""
    assert PAGE.read_text("utf-8") == make_page(read_definition())


def test_types_limits_and_rules_are_told() -> None:
    """Whatever a field may be."""
    fields: dict[str, Any] = {
        "mode": {"type": "string", "enum": ["A", "B"], "default": "A", "description": "A | B."},
        "count": {"type": "integer", "minimum": 1, "maximum": 3, "description": "How\nmany."},
        "names": {
            "type": "array",
            "maxItems": 2,
            "description": "Names.",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "description": "<digits>."}},
            },
            "x-kubernetes-validations": [{"rule": "true", "message": "must be true"}],
        },
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Labels.",
        },
        "flag": {"type": "boolean", "default": False, "description": "A flag."},
    }
    rules = [{"rule": "true", "message": "exactly one of mode and count"}]
    part = {"type": "object", "description": "A part.", "properties": fields}
    version = {
        "name": "v1",
        "schema": {
            "openAPIV3Schema": {
                "description": "A thing.",
                "properties": {
                    "spec": {**part, "x-kubernetes-validations": rules},
                    "status": {**part, "properties": {}},
                },
            }
        },
        "additionalPrinterColumns": [{"name": "Age", "priority": 1}],
        "selectableFields": [{"jsonPath": ".status.phase"}],
    }
    names = {"kind": "Thing", "shortNames": ["th"]}
    page = make_page({"spec": {"group": "example.com", "names": names, "versions": [version]}})
    assert page.splitlines()[3:] == [
        "`apiVersion: example.com/v1`, `kind: Thing`; in kubectl also th. A thing.",
        "",
        "## spec",
        "A part.",
        "",
        "| field | type | meaning |",
        "|---|---|---|",
        "| `mode` | `A` \\| `B` | A \\| B. (default `A`) |",
        "| `count` | integer | How many. (at least 1; at most 3) |",
        "| `names` | list of object | Names. (at most 2 of them; must be true) |",
        "| `names[].name` | string, required | &lt;digits>. |",
        "| `labels` | map to string | Labels. |",
        "| `flag` | boolean | A flag. (default `false`) |",
        "",
        "Exactly one of mode and count.",
        "",
        "## status",
        "A part.",
        "",
        "| field | type | meaning |",
        "|---|---|---|",
        "",
        "## Columns of `kubectl get`",
        "| column | | meaning |",
        "|---|---|---|",
        "| Age | with `-o wide` | Since when the resource exists. |",
        "",
        "`--field-selector` takes `status.phase`.",
    ]
