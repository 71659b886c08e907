"""docs/api.md, made from the CustomResourceDefinition: `python -m hack.api_page` writes it anew."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_ROOT: Final = Path(__file__).parents[1]
CRD: Final = _ROOT / "crds" / "databasemigrations.yaml"
PAGE: Final = _ROOT / "docs" / "api.md"

Json = dict[str, Any]

_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} of them"),
    ("maxItems", "at most {} of them"),
)


def make_page(definition: Json) -> str:
    """Give the page of a CustomResourceDefinition with one version."""
    spec = definition["spec"]
    (version,) = spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    kind, short = spec["names"]["kind"], ", ".join(spec["names"]["shortNames"])
    of_group = f"`apiVersion: {spec['group']}/{version['name']}`, `kind: {kind}`"
    lines = [
        f"# {kind}",
        "Made from the CustomResourceDefinition by `make schemas`; `kubectl explain` shows it too.",
        "",
        f"{of_group}; in kubectl also {short}. {_sentence(schema)}",
    ]
    for part in ("spec", "status"):
        field = schema["properties"][part]
        lines += [
            "",
            f"## {part}",
            _sentence(field),
            "",
            "| field | type | meaning |",
            "|---|---|---|",
        ]
        lines += _rows(field)
        lines += [f"\n{message[0].upper()}{message[1:]}." for message in _rules(field)]
    lines += ["", "## Columns of `kubectl get`", "| column | | meaning |", "|---|---|---|"]
    for column in version["additionalPrinterColumns"]:
        wide = "with `-o wide`" if column.get("priority") else ""
        told = column.get("description", "Since when the resource exists.")
        lines.append(f"| {column['name']} | {wide} | {_cell(told)} |")
    selectable = ", ".join(f"`{each['jsonPath'][1:]}`" for each in version["selectableFields"])
    lines += ["", f"`--field-selector` takes {selectable}."]
    return "\n".join(lines) + "\n"


def _rows(schema: Json, path: str = "") -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        must = ", required" if name in required else ""
        yield f"| `{here}` | {_type(field)}{must} | {_meaning(field)} |"
        yield from _rows(field, here)
        yield from _rows(field.get("items", {}), f"{here}[]")


def _type(field: Json) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("format") or field.get("type", "anything"))


def _meaning(field: Json) -> str:
    default = field.get("default")
    notes = [text.format(field[limit]) for limit, text in _LIMITS if limit in field]
    if default not in (None, {}, [], ""):
        notes.append(f"default `{str(default).lower() if isinstance(default, bool) else default}`")
    notes += _rules(field)
    said = _sentence(field)
    return _cell(f"{said} ({'; '.join(notes)})" if notes else said)


def _rules(field: Json) -> list[str]:
    return [" ".join(rule["message"].split()) for rule in field.get("x-kubernetes-validations", ())]


def _sentence(field: Json) -> str:
    return " ".join(field["description"].split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def read_definition() -> Json:
    """Read the definition."""
    found: Json = yaml.safe_load(CRD.read_text("utf-8"))
    return found


if __name__ == "__main__":
    PAGE.write_text(make_page(read_definition()), "utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
