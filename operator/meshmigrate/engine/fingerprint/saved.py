"""Fingerprints in files: only what may leave the database, so that they can lie beside the code."""

from pathlib import Path
from typing import Literal

from msgspec import DecodeError, json

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Contract
from meshmigrate.engine.fingerprint.compare import Fingerprint, shown


class Saved(Contract, frozen=True, kw_only=True):
    """The content of such a file."""

    api_version: Literal[1]
    digest: str
    scope: dict[str, str]
    sections: dict[str, dict[str, str]]
    """Section to object to definition, without what may be a secret."""
    column_order: dict[str, str]


def for_eyes(fingerprint: Fingerprint) -> Fingerprint:
    """Give the fingerprint without what may be a secret: two of this form compare as well."""
    sections = {
        section: {name: shown(section, definition) for name, definition in objects.items()}
        for section, objects in fingerprint.sections.items()
    }
    return Fingerprint(sections, fingerprint.scope, fingerprint.column_order)


def encode_saved(fingerprint: Fingerprint) -> bytes:
    """Give what goes into the file: JSON that version control can compare line by line."""
    saved = Saved(
        api_version=1,
        digest=fingerprint.digest,
        scope=dict(fingerprint.scope),
        sections={name: dict(it) for name, it in for_eyes(fingerprint).sections.items()},
        column_order=dict(fingerprint.column_order),
    )
    return json.format(json.encode(saved), indent=1) + b"\n"


def decode_saved(data: bytes, file: Path) -> Fingerprint:
    """Read the content of such a file.

    Raises
    ------
    Refusal
        ``InvalidFingerprint``.
    """
    try:
        saved = json.decode(data, type=Saved)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refusal(
            Reason.INVALID_FINGERPRINT,
            f"{file} is not a fingerprint that this release understands: {error}",
            hint="Make it with `meshmigrate fingerprint --save FILE`.",
        ) from error
    return Fingerprint(saved.sections, saved.scope, saved.column_order)
