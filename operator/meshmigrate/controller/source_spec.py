"""``spec.source``: where the files come from."""

from typing import Literal

from msgspec.structs import replace

from meshmigrate.domain.runspec import Request

Content = Literal["migrations", "rollbacks", "checks"]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class ConfigMapSource(Request, frozen=True, kw_only=True):
    """A ConfigMap whose keys are files of one kind."""

    name: str
    content: Content = "migrations"


class ImageSource(Request, frozen=True, kw_only=True):
    """An image whose folders hold the files; named by its digest, so that it cannot change."""

    reference: str
    migrations_path: str = "/migrations"
    rollbacks_path: str = ""
    checks_path: str = ""
    pull_policy: PullPolicy = "IfNotPresent"


class Source(Request, frozen=True, kw_only=True):
    """Where the files come from: one of the two."""

    config_maps: tuple[ConfigMapSource, ...] = ()
    image: ImageSource | None = None

    @property
    def canonical(self) -> "Source":
        """The same source, however its ConfigMaps were ordered and its image is pulled."""
        image = self.image and replace(self.image, pull_policy="IfNotPresent")
        ordered = tuple(sorted(self.config_maps, key=lambda source: source.name))
        return Source(config_maps=ordered, image=image)
