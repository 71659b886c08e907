"""What the kubelet cannot mount because it is not there: named, with what it should hold."""

import re
from dataclasses import dataclass
from typing import Final

from meshmigrate.controller.database_spec import Mounted
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.reason import Reason

NOTHING_TO_EDIT: Final = "nothing else needs to be edited, the run then continues by itself"

_SECRET: Final = re.compile(r'secret "([^"]+)" not found')
_SECRET_KEY: Final = re.compile(r"references non-existent secret key: ([-._a-zA-Z0-9]+)")
_CONFIG_MAP: Final = re.compile(r'configmap "([^"]+)" not found')
_CONFIG_MAP_KEY: Final = re.compile(r"references non-existent config key: ([-._a-zA-Z0-9]+)")

_CONTENTS: Final = {
    "url": "the database URL",
    "root.crt": "the certificate of the server's authority",
    "tls.crt": "the client certificate",
    "tls.key": "the key of the client certificate",
}
"""File to what it is; the others are parts of the connection and are called as they are."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a container from starting; ``final`` if waiting for it would be in vain."""

    reason: Reason
    message: str
    final: bool = False


def missing_object(said: str, spec: MigrationSpec) -> Obstacle | None:
    """Name the Secret, the ConfigMap or the key that the kubelet's words are about."""
    mounted = spec.database.mounted()
    if found := _SECRET.search(said):
        return _missing(Reason.SECRET_NOT_FOUND, "Secret", found[1], mounted)
    if found := _SECRET_KEY.search(said):
        return _missing_key(Reason.SECRET_KEY_NOT_FOUND, "Secret", found[1], mounted)
    if found := _CONFIG_MAP.search(said):
        return _missing(Reason.CONFIG_MAP_NOT_FOUND, "ConfigMap", found[1], mounted)
    if found := _CONFIG_MAP_KEY.search(said):
        return _missing_key(Reason.CONFIG_MAP_KEY_NOT_FOUND, "ConfigMap", found[1], mounted)
    return None


def _missing(reason: Reason, kind: str, name: str, mounted: tuple[Mounted, ...]) -> Obstacle:
    wanted = [each for each in mounted if (each.kind, each.name) == (kind, name)]
    held = " and ".join(f'the key "{each.key}" holding {_content(each)}' for each in wanted)
    return Obstacle(
        reason,
        f'{kind} "{name}" does not exist in this namespace; create it with '
        f"{held or 'the files as its keys'}: {NOTHING_TO_EDIT}",
    )


def _missing_key(reason: Reason, kind: str, key: str, mounted: tuple[Mounted, ...]) -> Obstacle:
    """Name the object too: the kubelet says only the key, and several may be asked for one."""
    wanted = [each for each in mounted if (each.kind, each.key) == (kind, key)]
    named = " or ".join(dict.fromkeys(f'"{each.name}"' for each in wanted)) or "of this resource"
    held = " and ".join(dict.fromkeys(_content(each) for each in wanted)) or "what it is to hold"
    return Obstacle(
        reason,
        f'{kind} {named} has no key "{key}"; add that key holding {held}: {NOTHING_TO_EDIT}',
    )


def _content(mounted: Mounted) -> str:
    return _CONTENTS.get(mounted.file, f"the {mounted.file} of the connection")
