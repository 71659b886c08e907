"""What the kubelet mounts into the runner's pod, and where the runner finds it."""

from collections.abc import Iterable
from posixpath import join, normpath
from typing import Any, Final

from meshmigrate.controller import names
from meshmigrate.controller.database_spec import Mounted
from meshmigrate.controller.source_spec import ImageSource, Source
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.runspec import Folders

SPEC_FILE: Final = "/run/meshmigrate/run/spec.json"
CREDENTIALS: Final = "/run/meshmigrate/credentials"
SOURCE_VOLUME: Final = "source-"
"""What the names of the volumes with the files start with."""

_RUN: Final = "/run/meshmigrate/run"
_SOURCE: Final = "/source"
_WORLD_READABLE: Final = 0o444
"""Readable for an arbitrary uid; the pod has one container, so nobody else is there to read."""


def source_folders(source: Source) -> Folders:
    """Give the folders of the files, out of whose mounts no link may lead."""
    if source.image is not None:
        return _image_folders(source.image)
    folders: dict[str, list[str]] = {"migrations": [], "rollbacks": [], "checks": []}
    for config_map in source.config_maps:
        folders[config_map.content].append(f"{_SOURCE}/{config_map.content}/{config_map.name}")
    return Folders(
        migrations=tuple(folders["migrations"]),
        rollbacks=tuple(folders["rollbacks"]),
        checks=tuple(folders["checks"]),
        within=_SOURCE,
    )


def volumes(spec: MigrationSpec) -> list[dict[str, Any]]:
    """Give the volumes of the pod; the credentials are one, so that they change together."""
    annotation = f"metadata.annotations['{names.RUN_SPEC_ANNOTATION}']"
    return [
        {
            "name": "run",
            "downwardAPI": {
                "items": [{"path": "spec.json", "fieldRef": {"fieldPath": annotation}}]
            },
        },
        {
            "name": "credentials",
            "projected": {
                "sources": _projections(spec.database.mounted()),
                "defaultMode": _WORLD_READABLE,
            },
        },
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        *_source_volumes(spec.source),
    ]


def volume_mounts(spec: MigrationSpec) -> list[dict[str, Any]]:
    """Give where the runner's container has the volumes."""
    source = spec.source
    mounted = [f"{_SOURCE}/{given.content}/{given.name}" for given in source.config_maps]
    if source.image is not None:
        mounted = [_SOURCE]
    return [
        {"name": "run", "mountPath": _RUN, "readOnly": True},
        {"name": "credentials", "mountPath": CREDENTIALS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  the pod's own emptyDir
        *(
            {"name": f"{SOURCE_VOLUME}{index}", "mountPath": path, "readOnly": True}
            for index, path in enumerate(mounted)
        ),
    ]


def _image_folders(image: ImageSource) -> Folders:
    def inside(path: str) -> tuple[str, ...]:
        return (join(_SOURCE, normpath(f"/{path}").lstrip("/")),) if path else ()

    return Folders(
        migrations=inside(image.migrations_path),
        rollbacks=inside(image.rollbacks_path),
        checks=inside(image.checks_path),
        within=_SOURCE,
    )


def _projections(mounted: Iterable[Mounted]) -> list[dict[str, Any]]:
    """Give a projection for each Secret or ConfigMap; none of its other keys is mounted."""
    by_object: dict[tuple[str, str], list[dict[str, str]]] = {}
    for each in mounted:
        items = by_object.setdefault((each.kind, each.name), [])
        items.append({"key": each.key, "path": each.file})
    return [
        {"secret" if kind == "Secret" else "configMap": {"name": name, "items": items}}
        for (kind, name), items in by_object.items()
    ]


def _source_volumes(source: Source) -> list[dict[str, Any]]:
    image = source.image
    if image is not None:
        content = {"reference": image.reference, "pullPolicy": image.pull_policy}
        return [{"name": f"{SOURCE_VOLUME}0", "image": content}]
    return [
        {
            "name": f"{SOURCE_VOLUME}{index}",
            "configMap": {"name": given.name, "defaultMode": _WORLD_READABLE},
        }
        for index, given in enumerate(source.config_maps)
    ]
