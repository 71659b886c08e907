"""No secret leaves the command line either, nor what it tells to notification channels."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.canaries import (
    BACK,
    FAILING,
    MARK,
    REFUSED,
    TABLE,
    assert_unseen,
    failing_project,
    trusted_owner,
)
from tests.postgres.harness import Database, Project
from tests.postgres.processes import run_command
from tests.scripted.receiver import Receiver, listening

pytestmark = pytest.mark.one_version  # what meshmigrate shows counts, not what servers say

_EXCERPT = re.compile(r"^ +\d* \| .*\n", re.MULTILINE)
"""Lines of the user's own file, which are shown on purpose."""


class Story:
    """A database and files with canaries, and commands on them."""

    def __init__(self, database: Database, project: Project) -> None:
        self.database, self.project = database, project
        self.seen: dict[str, str] = {}

    def run(self, *arguments: str, **variables: str) -> int:
        """Run a command, and keep all that it shows."""
        summary = self.project.root / "summary"
        done = run_command(
            self.database,
            self.project.root,
            *arguments,
            GITHUB_ACTIONS="true",
            GITHUB_STEP_SUMMARY=str(summary),
            **variables,
        )
        name = f"{len(self.seen)} {' '.join(arguments)}"
        self.seen[f"{name}: output"] = done.stdout
        self.seen[f"{name}: errors"] = _EXCERPT.sub("", done.stderr)
        self.seen[f"{name}: summary"] = summary.read_text() if summary.exists() else ""
        return done.returncode


@pytest.fixture
def story(database: Database, project: Project) -> Iterator[Story]:
    """Give a story; at its end nothing of it has been seen."""
    with trusted_owner(database) as owned:
        story = Story(owned, project)
        yield story
        assert story.seen
        assert_unseen(story.seen, owned)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    with listening() as found:
        yield found


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_command_tells_a_secret(story: Story, form: tuple[str, ...]) -> None:
    """Before a run, after it, with drift, on the way back, and of files that were edited."""
    story.project.migration("1", TABLE, BACK)
    assert story.run("plan", *form) == 0
    assert story.run("apply", *form) == 0
    assert story.run("status", *form) == 0
    story.database.query(f"ALTER TABLE t ALTER note SET DEFAULT '{MARK}-by-hand'")
    assert story.run("apply", *form) == 0
    assert story.run("fingerprint", *form) == 0
    story.project.migration("2", FAILING["a row that is no number"], "SELECT 1")
    assert story.run("plan", *form) == 0
    assert story.run("apply", "--on-failure", "Halt", *form) == 21
    story.project.migration("1", f"{TABLE}; SELECT '{MARK}-edited'", BACK)
    assert story.run("apply", *form) == 10
    assert story.run("repair", "--accept", "1", "--reason", "so be it", *form) == 0
    assert story.run("log", *form) == 0
    assert story.run("rollback", "--to", "0", *form) == 0
    assert story.run("baseline", "--to", "1", *form) == 0


@pytest.mark.parametrize("statement", FAILING.values(), ids=FAILING)
def test_no_failure_tells_a_value(story: Story, statement: str) -> None:
    """In text with its annotation and summary."""
    failing_project(story.project, statement)
    assert story.run("apply", "--transaction-mode", "PerFile") == 20


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_no_refusal_tells_a_value(story: Story, script: str) -> None:
    """What is not understood is not repeated but as the line that it is."""
    story.project.migration("1", TABLE, BACK).migration("2", script)
    assert story.run("apply") == 10


@pytest.mark.parametrize("down", [False, True], ids=["delivered", "refused"])
def test_no_notification_tells_a_secret(story: Story, receiver: Receiver, *, down: bool) -> None:
    """Neither its text, nor what is said where it cannot be delivered, of the channel's address."""
    receiver.down = down
    place = f"user:{MARK}-token@127.0.0.1:{receiver.server.server_port}/{MARK}-path"
    file = story.project.root / "channels.yaml"
    channels = {
        "people": {"urls": [f"json://{place}"]},
        "program": {"webhook": {"url": f"http://{place}"}},
    }
    file.write_text(json.dumps({"channels": channels, "default": ["people", "program"]}))
    failing_project(story.project, FAILING["a row that is no number"])
    options = ("--notify-config", str(file), "--transaction-mode", "PerFile")
    assert story.run("apply", *options) == 20
    assert down or receiver.events
    story.seen["delivered"] = json.dumps(receiver.events)


def test_no_channel_that_is_wrong_is_repeated(story: Story) -> None:
    """Its file is explained without its content."""
    story.project.migration("1", "SELECT 1")
    file = Path(story.project.root / "channels.yaml")
    for text in (
        f'{{"channels": {{"people": {{"urls": ["nosuch://{MARK}-token"]}}}}}}',
        f'{{"channels": {{"people": {{"webhook": {{"url": "{MARK}"}}}}}}}}',
        f'{{"channels": {{"people": {{"uls": ["{MARK}"]}}}}}}',
        f"channels: [{MARK}",
    ):
        file.write_text(text)
        story.run("apply", "--notify-config", str(file), "--notify", "people")
