"""Files as ConfigMaps: immutable, named by what they hold, each small enough."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from meshmigrate.controller.source_spec import Content
from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.source.folder import RawFile

MOST_BYTES: Final = 1024 * 1024
"""Of all values of a ConfigMap together (Kubernetes documentation, "ConfigMaps")."""
_APPLIED_BYTES: Final = 240 * 1024
"""As JSON: `kubectl apply` keeps the object in an annotation, and annotations end at 256 KiB."""
MOST_MAPS: Final = 20
"""What ``spec.source.configMaps`` takes."""

_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_DIGITS: Final = re.compile(r"[0-9]+")
_HASH_LENGTH: Final = 10

_Size = Callable[[dict[str, str]], int]


class ConfigMap(NamedTuple):
    """A ConfigMap to be: what its files are, and their text."""

    name: str
    content: Content
    data: dict[str, str]

    @property
    def large(self) -> bool:
        """Whether only ``kubectl apply --server-side`` takes it."""
        return _json_size(self.data) > _APPLIED_BYTES


def pack(name: str, kinds: Iterable[tuple[Content, Sequence[RawFile]]]) -> list[ConfigMap]:
    """Divide files, in order of their numbers, among as few ConfigMaps as are allowed to be large.

    They stay small enough for a plain ``kubectl apply`` as long as that makes no more of them than
    a resource can name. A file that is added at the end changes only the last one of its kind.

    Parameters
    ----------
    name
        What the names of the ConfigMaps start with.

    Raises
    ------
    Refusal
        ``InvalidFileName`` or ``SourceTooLarge``.
    """
    sorted_kinds = [(content, sorted(files, key=_by_number)) for content, files in kinds]
    for _, files in sorted_kinds:
        for file in files:
            _refuse_impossible(file)
    for limit, size in ((_APPLIED_BYTES, _json_size), (MOST_BYTES, _size)):
        divided = [
            (content, data)
            for content, files in sorted_kinds
            for data in _divide(files, limit, size)
        ]
        if len(divided) <= MOST_MAPS:
            return [
                ConfigMap(f"{name}-{content}-{_digest(content, data)}", content, data)
                for content, data in divided
            ]
    raise Refusal(
        Reason.SOURCE_TOO_LARGE,
        f"the files take more than {MOST_MAPS} ConfigMaps of 1 MiB: a resource names no more",
        hint="Put the files into an image and name it as spec.source.image.",
    )


def _divide(files: Iterable[RawFile], limit: int, size: _Size) -> Iterator[dict[str, str]]:
    data: dict[str, str] = {}
    filled = 0
    for file in files:
        text = file.data.decode()
        more = size({file.name: text})
        if data and (filled + more > limit or file.name in data):
            yield data
            data, filled = {}, 0
        data[file.name] = text
        filled += more
    if data:
        yield data


def _refuse_impossible(file: RawFile) -> None:
    if not _KEY.fullmatch(file.name):
        raise Refusal(
            Reason.INVALID_FILE_NAME,
            "a ConfigMap takes no file of this name",
            hint="Rename the file: letters, digits, '-', '_' and '.' of ASCII, 253 at most.",
            location=Location(file.shown),
        )
    if len(file.data) > MOST_BYTES:
        raise Refusal(
            Reason.SOURCE_TOO_LARGE,
            f"the file has {len(file.data)} bytes, and a ConfigMap takes {MOST_BYTES}",
            hint="Put the files into an image and name it as spec.source.image, or load the data "
            "by other means than a migration.",
            location=Location(file.shown),
        )


def _by_number(file: RawFile) -> tuple[bool, int, str, str]:
    digits = _DIGITS.match(file.name)
    return (digits is None, int(digits[0]) if digits else 0, file.name, file.shown)


def _digest(content: Content, data: dict[str, str]) -> str:
    canonical = json.dumps([content, data], sort_keys=True).encode()
    return hashlib.sha256(canonical).hexdigest()[:_HASH_LENGTH]


def _size(data: dict[str, str]) -> int:
    return sum(len(text.encode()) for text in data.values())


def _json_size(data: dict[str, str]) -> int:
    """Give the bytes as kubectl writes them: it escapes also what HTML would make something of."""
    plain = json.dumps(data, ensure_ascii=False)
    return len(plain.encode()) + 5 * sum(plain.count(char) for char in "<>&")
