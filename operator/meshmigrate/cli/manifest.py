"""The DatabaseMigration that names the ConfigMaps: from a file without source, from options."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from meshmigrate.cli.config_maps import ConfigMap
from meshmigrate.cli.provenance import prefer
from meshmigrate.controller import names
from meshmigrate.controller.spec import SourceProvenance, parse_spec
from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.trace_context import TraceContext

Json = dict[str, Any]

_PARTS: Final = {"apiVersion", "kind", "metadata", "spec"}


def read_base(path: Path) -> Json:
    """Read a DatabaseMigration to be completed.

    Raises
    ------
    Refusal
        ``InvalidSpec`` if the file is not one DatabaseMigration without a source.
    """
    try:
        found = list(yaml.safe_load_all(path.read_text("utf-8")))
    except OSError as error:
        raise _invalid(path, f"the file cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not UTF-8"
        line = where.line + 1 if where else None
        raise _invalid(path, f"the file is not YAML: {problem}", line) from None
    if len(found) != 1 or not isinstance(found[0], dict):
        raise _invalid(path, f"the file holds {len(found)} documents, not one resource")
    base: Json = found[0]
    kind = (base.get("apiVersion"), base.get("kind"))
    if kind != (names.API_VERSION, names.KIND):
        raise _invalid(path, f"this is no {names.KIND} of {names.API_VERSION}")
    if unknown := sorted(set(base) - _PARTS):
        raise _invalid(path, f"a {names.KIND} to be completed has no {', '.join(unknown)}")
    for part in ("metadata", "spec"):
        if not isinstance(base.setdefault(part, {}), dict):
            raise _invalid(path, f"{part} is not a mapping")
    if "source" in base["spec"]:
        raise _invalid(path, "spec.source is there already, and render is what writes it")
    return base


def empty_base() -> Json:
    """Give a DatabaseMigration that says nothing yet."""
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {}, "spec": {}}


def assign(spec: Json, field: str, value: str) -> None:
    """Set a field of the spec, such as ``policy.onFailure``; the value is JSON or else text.

    Raises
    ------
    ValueError
        If there is no such place.
    """
    *parents, last = field.removeprefix("spec.").split(".")
    if [*parents, last][0] == "source":
        raise ValueError("spec.source is what render writes")
    place = spec
    for parent in parents:
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ValueError(f"{field}: {parent} has no fields")  # noqa: TRY004  of what was said
        place = inner
    try:
        place[last] = json.loads(value)
    except ValueError:
        place[last] = value


def complete(
    base: Json,
    config_maps: Sequence[ConfigMap],
    provenance: SourceProvenance,
    labels: Mapping[str, str],
    trace: TraceContext | None = None,
) -> list[Json]:
    """Give the ConfigMaps and, last, the resource that names them.

    Each of them has a label with the resource's name. Of the provenance what is known here wins
    over what the file says; so does ``trace``, the span that its next run is below.

    Raises
    ------
    Refusal
        ``InvalidSpec`` if the operator would not understand the spec.
    """
    resource = deepcopy(base)
    metadata, spec = resource["metadata"], resource["spec"]
    marks = {**labels, names.RENDERED_FOR_LABEL: metadata["name"]}
    metadata["labels"] = {**metadata.get("labels", {}), **marks}
    if trace is not None:
        theirs = metadata.get("annotations") or {}
        metadata["annotations"] = {**theirs, names.TRACEPARENT_ANNOTATION: str(trace)}
    sources = [{"name": each.name, "content": each.content} for each in config_maps]
    spec["source"] = {"configMaps": sources}
    try:
        said_there = parse_spec(spec).provenance
    except msgspec.ValidationError as error:
        raise Refusal(
            Reason.INVALID_SPEC,
            f"this is not the spec of a {names.KIND}: {error}",
            hint=f"`kubectl explain {names.KIND.lower()}.spec` describes every field.",
        ) from None
    if said := msgspec.to_builtins(prefer(provenance, said_there)):
        spec["provenance"] = said
    place = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": each.name, **place, "labels": marks},
            "immutable": True,
            "data": each.data,
        }
        for each in config_maps
    ] + [resource]


def _invalid(path: Path, why: str, line: int | None = None) -> Refusal:
    return Refusal(
        Reason.INVALID_SPEC,
        why,
        hint=f"Give a file with one {names.KIND} that has everything but its source.",
        location=Location(str(path), line),
    )
