"""docs/logs.md: every key and every event there is, and none that there is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from meshmigrate.domain.runner_log import LogLine
from meshmigrate.engine.events import EventName

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "operator" / "meshmigrate"
PAGE = ROOT.joinpath("docs", "logs.md").read_text()


def table(heading: str) -> set[str]:
    """Give the words in the first column of a section's table."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    section, _, _ = section.partition("\n## ")
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`([\w-]+)`", " ".join(rows)))


def calls() -> Iterator[tuple[str, set[str]]]:
    """Give event and keys of each line that the operator writes."""
    for folder in ("controller", "observe"):
        for path in SOURCES.joinpath(folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=ast.Name(id="_log")),
                        args=[ast.Constant(value=str(event))],
                        keywords=keywords,
                    ):
                        yield event, {str(keyword.arg) for keyword in keywords}


def camel(name: str) -> str:
    """Give a key as it is written."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def test_every_event_of_the_operator_is_listed() -> None:
    """And nothing else is."""
    events = {event for event, _ in calls()}
    assert events | {"library"} == table("The operator's events")


def test_every_event_of_the_runner_is_listed() -> None:
    """And nothing else is."""
    others = {"internal-error", "error-not-caught", "library"}
    assert {name.value for name in EventName} | others == table("The runner's events")


def test_every_key_is_listed() -> None:
    """Of both programs; and nothing else is."""
    written = {camel(key) for _, keys in calls() for key in keys} - {"excInfo"}
    lines = set(LogLine.__struct_encode_fields__)
    common = {"apiVersion", "time", "level", "logger", "event", "message"}
    assert common <= lines
    ours = {"runId", "run", "attempt", "resource", "object", "exception"}
    assert table("The keys") == common | written | lines | ours
