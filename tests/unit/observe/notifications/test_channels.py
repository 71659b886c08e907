"""The administrator's file: what it may say, and what it must not make anybody repeat."""

import os
from pathlib import Path

import pytest

from meshmigrate.observe.notifications.channels import Channels, ChannelsInvalid, parse_channels
from meshmigrate.observe.notifications.channels_file import ChannelsFile

PAGE = Path(__file__).parents[4] / "docs" / "notifications.md"
GOOD = """
channels:
  team:
    urls: ["slack://tokenA/tokenB/tokenC/#data"]
    minimumSeverity: warning
  hook:
    webhook:
      url: https://hooks.example.com/x
      headers: {Authorization: Bearer canary-4711}
    outcomes: [RolledBack]
default: [team]
"""


def test_a_file_has_channels_of_both_kinds_and_default_ones() -> None:
    """Addresses stay out of its representation."""
    read = parse_channels(GOOD)
    assert read.default == ("team",)
    assert read.channels["hook"].outcomes == ("RolledBack",)
    assert "canary" not in repr(read)
    assert "token" not in repr(read)


def test_an_empty_file_has_no_channels() -> None:
    """So a Secret can be there before its content is."""
    assert parse_channels("") == Channels()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: {a: {}}", "either urls or webhook"),
        ("channels: {a: {urls: [x://canary], webhook: {url: 'https://canary'}}}", "either"),
        ("channels: {a: {webhook: {url: 'canary'}}}", "begins with https://"),
        ("channels: {a: {urls: [x://canary], outcomes: [Explodes]}}", "outcomes are among"),
        ("channels: {a: {urls: x://canary}}", "Expected `array`"),
        ("channels: {a: {url: x://canary}}", "unknown field `url`"),
        ("default: [canary]", "a channel that is not there"),
        ("channels: {a: {urls: [x://canary]}", "no YAML in line"),
        ("channels: &canary\n\t[", "no YAML in line"),
    ],
)
def test_a_wrong_file_is_explained_without_repeating_it(text: str, said: str) -> None:
    """Its content is secret: the place and the rule are named."""
    with pytest.raises(ChannelsInvalid, match=said) as refused:
        parse_channels(text)
    assert "canary" not in str(refused.value)


def test_a_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    """As the kubelet does it: another file takes its place; one that is wrong changes nothing."""
    file = tmp_path / "channels.yaml"
    source = ChannelsFile(file)
    assert source.look() == Channels()
    replace(file, GOOD)
    assert set(source.look().channels) == {"team", "hook"}
    replace(file, "channels: [")
    assert set(source.look().channels) == {"team", "hook"}
    replace(file, "channels: {}")
    assert source.look() == Channels()


def replace(file: Path, text: str) -> None:
    """Put another file in its place."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.replace(file)
    os.utime(file, ns=(0, hash(text) % 10**12))


def test_the_documented_file_is_a_good_one() -> None:
    """The page's example can be copied."""
    example = PAGE.read_text().partition("```yaml\n")[2].partition("```")[0]
    assert parse_channels(example).default
