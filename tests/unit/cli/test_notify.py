"""What is wrong with channels is said before anything runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from meshmigrate.cli.main import main

CHANNELS = "channels: {team: {urls: ['json://canary']}, hook: {webhook: {url: 'https://canary'}}}"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (CHANNELS, ["--notify", "daat"], "has other channels: hook, team"),
        ("channels: {a: {}}", [], "either urls or webhook"),
        ("channels: [canary", [], "no YAML"),
        (None, [], "No such file"),
    ],
)
def test_a_mistake_is_a_usage_error(
    tmp_path: Path, text: str | None, options: list[str], said: str
) -> None:
    """Nothing has been done, and the file's content is not repeated."""
    file = tmp_path / "channels.yaml"
    if text is not None:
        file.write_text(text)
    done = apply(tmp_path, "--notify-config", str(file), *options)
    assert done[0] == 2
    assert said in done[1]
    assert "canary" not in done[1]


def test_a_channel_needs_its_file(tmp_path: Path) -> None:
    """The option that is missing is named."""
    code, output = apply(tmp_path, "--notify", "team")
    assert code == 2
    assert "--notify-config" in output


def apply(folder: Path, *options: str) -> tuple[int, str]:
    """Run ``apply``, which must not come as far as connecting; give code and output."""
    folder.joinpath("migrations").mkdir()
    database = {"MESHMIGRATE_DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    arguments = ["apply", "--migrations", str(folder / "migrations"), *options]
    done = CliRunner().invoke(main, arguments, env=database)
    return done.exit_code, " ".join(done.output.split())
