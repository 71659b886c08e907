"""What the chart renders to, for each set of values in tests/chart/values.

``python -m hack.chart_snapshots`` writes tests/chart/snapshots anew; a test holds them against
the chart, others read them. Helm is built where it has not been yet.
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import yaml

from hack.cluster.build import ensure_tools
from hack.cluster.paths import CHECKOUT, cache_from

CHART: Final = CHECKOUT / "charts" / "meshmigrate"
VALUES: Final = CHECKOUT / "tests" / "chart" / "values"
SNAPSHOTS: Final = CHECKOUT / "tests" / "chart" / "snapshots"
SETS: Final = sorted(path.stem for path in VALUES.glob("*.yaml"))
NAMESPACE: Final = "meshmigrate-system"

Json = dict[str, Any]

_FILES: Final = {
    "CustomResourceDefinition": ("spec", "databasemigrations.yaml"),
    "PrometheusRule": ("spec", "alerts.yaml"),
    "ConfigMap": ("data", "dashboard.json"),
}
"""By kind: which field is a file of the chart, and what the snapshot says instead."""


def find_helm() -> str:
    """Give the path of Helm, building it if need be."""
    cache = cache_from()
    ensure_tools(cache)
    return str(cache.bin / "helm")


def render(helm: str, values: str) -> str:
    """Render the chart with a set of values, as it stands in its snapshot."""
    template = [helm, "template", "meshmigrate", str(CHART), "--namespace", NAMESPACE]
    with_values = [*template, "--values", str(VALUES / f"{values}.yaml")]
    done = subprocess.run(with_values, capture_output=True, text=True, check=True)
    bodies = [body for body in yaml.safe_load_all(done.stdout) if body]
    ordered = sorted(bodies, key=lambda body: (body["kind"], *_place(body)))
    return yaml.safe_dump_all([_shortened(body) for body in ordered], sort_keys=False, width=120)


def read_snapshot(values: str) -> Iterator[Json]:
    """Give the objects of a snapshot, with the files of the chart in their places."""
    for body in yaml.safe_load_all((SNAPSHOTS / f"{values}.yaml").read_text()):
        field, file = _FILES.get(body["kind"], ("", ""))
        yield {**body, field: _content(field, file)} if body.get(field) == _said(file) else body


def _place(body: Json) -> tuple[str, str]:
    return body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _shortened(body: Json) -> Json:
    """Name a file instead of showing it, as long as it is that file."""
    field, file = _FILES.get(body["kind"], ("", ""))
    same = field and body[field] == _content(field, file)
    return {**body, field: _said(file)} if same else body


def _said(file: str) -> str:
    return f"(as in files/{file})"


def _content(field: str, file: str) -> Json:
    text = (CHART / "files" / file).read_text()
    if file.endswith(".json"):
        return {"meshmigrate.json": text.rstrip("\n")}
    content: Json = yaml.safe_load(text)
    return content if "apiVersion" not in content else content[field]


if __name__ == "__main__":
    program = find_helm()
    for each in SETS:
        (SNAPSHOTS / f"{each}.yaml").write_text(render(program, each))
    sys.stdout.write(f"wrote {len(SETS)} snapshots to {SNAPSHOTS}\n")
