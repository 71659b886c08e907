"""An image is built when its inputs changed and loaded when the cluster lacks it, else neither."""

from pathlib import Path

import pytest

from hack.cluster.paths import Cache
from hack.images.base import Base
from hack.images.delivery import Recipe, deliver, key_of

IMAGE = "localhost/thing:dev"


class Workshop:
    """A builder and a cluster in one, who count what they are asked for."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.running = True
        self.content = ""
        self.images: dict[str, str] = {}

    def base(self, base: Base) -> str:
        """Name a base."""
        return base.name

    def python_version(self, image: str) -> str:
        """Answer for any image."""
        return f"3.11 of {image}"

    def build(self, image: str, dockerfile: Path, context: Path, base: str) -> None:
        """Build from nothing."""
        del image, dockerfile, context, base
        self.did.append("build")

    def export(self, image: str, archive: Path) -> None:
        """Write what was built last."""
        del image
        self.did.append("export")
        archive.write_text(self.content)

    def check_host(self) -> None:
        """Accept any."""

    def up(self) -> None:
        """Start."""
        self.running = True

    def down(self) -> None:
        """Stop."""
        self.running = False

    def fault(self) -> str | None:
        """Say whether it runs."""
        return None if self.running else "it is not running"

    def describe(self) -> list[str]:
        """Say nothing."""
        return []

    def load(self, archive: Path) -> None:
        """Take the archive's content as the image's digest."""
        self.did.append("load")
        self.images[IMAGE] = archive.read_text()

    def digest(self, image: str) -> str | None:
        """Answer from what was loaded."""
        return self.images.get(image)


@pytest.fixture
def workshop(cache: Cache) -> Workshop:
    """Give a workshop with an empty cluster that runs."""
    cache.images.mkdir(parents=True)
    return Workshop()


def order(cache: Cache, workshop: Workshop, key: str) -> list[str]:
    """Deliver the image in the state that `key` stands for and say what was done."""
    workshop.did.clear()

    def build() -> None:
        workshop.did.append("build")
        workshop.content = f"digest of {key}"

    deliver(cache, workshop, workshop, Recipe(IMAGE, key, build))
    return workshop.did


def test_nothing_is_done_twice(cache: Cache, workshop: Workshop) -> None:
    """The second time the image is up to date."""
    assert order(cache, workshop, "a") == ["build", "export", "load"]
    assert order(cache, workshop, "a") == []


def test_a_change_is_built_and_loaded(cache: Cache, workshop: Workshop) -> None:
    """The same tag gets the new content."""
    order(cache, workshop, "a")
    assert order(cache, workshop, "b") == ["build", "export", "load"]
    assert workshop.images[IMAGE] == "digest of b"


def test_a_fresh_cluster_gets_what_was_built(cache: Cache, workshop: Workshop) -> None:
    """A cluster that lost its images does not make us build again."""
    order(cache, workshop, "a")
    workshop.images.clear()
    assert order(cache, workshop, "a") == ["export", "load"]


def test_an_image_that_somebody_replaced_is_loaded_again(cache: Cache, workshop: Workshop) -> None:
    """The cluster's digest is believed, not our memory of it."""
    order(cache, workshop, "a")
    workshop.images[IMAGE] = "digest of somebody else's"
    assert order(cache, workshop, "a") == ["export", "load"]


def test_without_a_cluster_it_is_only_built(cache: Cache, workshop: Workshop) -> None:
    """And loaded once there is one."""
    workshop.down()
    assert order(cache, workshop, "a") == ["build"]
    workshop.up()
    assert order(cache, workshop, "a") == ["export", "load"]


def test_a_build_that_fails_is_tried_again(cache: Cache, workshop: Workshop) -> None:
    """Only a finished build is remembered."""

    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        deliver(cache, workshop, workshop, Recipe(IMAGE, "a", fail))
    assert order(cache, workshop, "a") == ["build", "export", "load"]


def test_keys_depend_on_content_and_place(tmp_path: Path) -> None:
    """Content moved from one file to the next, or to another input, is another key."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("ab")
    second.write_text("c")
    before = key_of([first, second], "x")
    first.write_text("a")
    second.write_text("bc")
    assert key_of([first, second], "x") != before
    assert key_of([first, second], "x") != key_of([first, second], "y")
