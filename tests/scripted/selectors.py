"""Which objects a list or a watch asks for (Kubernetes API concepts, "Labels and selectors")."""

from collections.abc import Callable, Mapping

from tests.scripted.kinds import Json

Selector = Callable[[Json], bool]


def selector_of(query: Mapping[str, str]) -> Selector:
    """Give the test that an object must pass."""
    labels = [part for part in query.get("labelSelector", "").split(",") if part]
    fields = [part for part in query.get("fieldSelector", "").split(",") if part]

    def matches(body: Json) -> bool:
        own = body["metadata"].get("labels", {})
        return all(_has_label(own, part) for part in labels) and all(
            _has_field(body, part) for part in fields
        )

    return matches


def _has_label(labels: Mapping[str, str], part: str) -> bool:
    name, operator, value = part.partition("!=")
    if operator:
        return labels.get(name) != value
    name, operator, value = part.replace("==", "=").partition("=")
    if operator:
        return labels.get(name) == value
    return part[1:] not in labels if part.startswith("!") else part in labels


def _has_field(body: Json, part: str) -> bool:
    path, _, value = part.partition("=")
    found: object = body
    for step in path.split("."):
        found = found.get(step, "") if isinstance(found, dict) else ""
    return found == value
