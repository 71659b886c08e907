"""The health rules of docs/gitops.md, read from the page and evaluated as Flux and Argo CD do."""

import re
from pathlib import Path
from typing import Any

import cel
import yaml
from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped]  # has none; 5.1 is Argo CD's

PAGE = Path(__file__).parents[1] / "docs" / "gitops.md"

Json = dict[str, Any]


def flux_status(resource: Json) -> str:
    """Give what Flux makes of a resource (Flux, "Health check expressions").

    The order is Flux's: in progress, failed, current; what is none of them is in progress.
    """
    (rules,) = _documented("Kustomization")["spec"]["healthCheckExprs"]
    assert (rules["apiVersion"], rules["kind"]) == (resource["apiVersion"], resource["kind"])
    for name in ("inProgress", "failed", "current"):
        if cel.evaluate(rules[name], resource):
            return name
    return "inProgress"


def argo_health(resource: Json) -> Json:
    """Give what Argo CD makes of a resource (Argo CD, "Resource Health")."""
    data = _documented("ConfigMap")["data"]
    ((key, script),) = data.items()
    group = resource["apiVersion"].partition("/")[0]
    assert key == f"resource.customizations.health.{group}_{resource['kind']}"
    lua = LuaRuntime()
    health = lua.eval(f"function(obj)\n{script}\nend")(lua.table_from(resource, recursive=True))
    return dict(health)


def _documented(kind: str) -> Json:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found: list[Json] = [yaml.safe_load(block) for block in blocks]
    (one,) = (each for each in found if each["kind"] == kind)
    return one
