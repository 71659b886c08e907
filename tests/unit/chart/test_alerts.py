"""The alerts, by Prometheus' own test tool, and what a page sends a person to."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Context

from hack.metrics_page import CHART_FILES, ROOT, families, panels
from hack.metrics_page import example as example_metrics
from meshmigrate.cli.main import main

GROUPS = yaml.safe_load((CHART_FILES / "alerts.yaml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule["alert"] for rule in RULES]
HEADINGS = [
    "## What happened",
    "## How bad is it",
    "## Look here",
    "## Do this",
    "## How to know it is over",
]
SERIES = re.compile(r"meshmigrate_\w+")
SHOWN = {name for name, _, _ in families(example_metrics())}


def known(series: str) -> bool:
    """Say whether the operator shows a series of this name."""
    return series in SHOWN or re.sub(r"_(bucket|count|sum)$", "", series) in SHOWN


def promtool(*arguments: str | Path) -> str:
    """Run promtool; give what it said if it found something."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_each_alert_fires_stays_silent_and_resolves_as_it_should() -> None:
    """By promtool, over invented time."""
    assert promtool("test", "rules", Path(__file__).with_name("alerts.yaml")) == ""


def test_each_alert_is_tested() -> None:
    """The file of promtool's tests names them all, firing."""
    tests = yaml.safe_load(Path(__file__).with_name("alerts.yaml").read_text())["tests"]
    firing = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if "exp_alerts" in case
    }
    assert firing == set(ALERTS)


@pytest.mark.parametrize("rule", RULES, ids=ALERTS)
def test_each_alert_tells_a_person_what_they_need(rule: dict[str, Any]) -> None:
    """How bad, what, where, and the runbook; of series that the operator shows."""
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    assert all(known(series) for series in SERIES.findall(rule["expr"]))


def test_every_panel_asks_for_series_that_there_are() -> None:
    """A renamed metric leaves no empty panel behind."""
    for _, told, queries in panels():
        assert told
        asked = [series for query in queries for series in SERIES.findall(query)]
        assert asked
        assert all(known(series) for series in asked)


def test_there_is_a_runbook_for_each_alert_and_for_nothing_else() -> None:
    """A page never links to nowhere."""
    books = (ROOT / "docs" / "runbooks").iterdir()
    assert sorted(book.stem for book in books) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_runbook_answers_the_five_questions(alert: str) -> None:
    """In the order in which they are asked at three in the morning."""
    text = (ROOT / "docs" / "runbooks" / f"{alert}.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == HEADINGS


@pytest.mark.parametrize("alert", ALERTS)
def test_the_commands_of_each_runbook_are_commands(alert: str) -> None:
    """Each is kubectl's, or one of ours with options that it has."""
    text = (ROOT / "docs" / "runbooks" / f"{alert}.md").read_text()
    commands = [line for block in text.split("```")[1::2] for line in block.strip().splitlines()]
    assert commands
    for command in commands:
        program, *words = command.split()
        if program == "kubectl":
            continue
        assert program == "meshmigrate"
        known_command = main.get_command(Context(main), words[0])
        assert known_command is not None
        options = {option for param in known_command.params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_every_link_of_a_runbook_leads_somewhere() -> None:
    """Within the documentation."""
    for book in (ROOT / "docs" / "runbooks").iterdir():
        for link in re.findall(r"\]\(([^)#]+)", book.read_text()):
            assert (book.parent / link).exists(), (book.name, link)
