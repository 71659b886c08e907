"""From the bytes of a file to the text that is checksummed, parsed and sent."""

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason


def decode_script(data: bytes, file: str) -> str:
    """Decode strict UTF-8, without byte order mark, with LF line ends.

    Parameters
    ----------
    file
        The name to show.

    Raises
    ------
    Refusal
        ``InvalidEncoding`` with the byte offset, counted from 0, and the line.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        why = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise _invalid(data, error.start, file, why) from None
    nul = data.find(b"\0")
    if nul >= 0:
        raise _invalid(data, nul, file, "PostgreSQL cannot take the character NUL")
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _invalid(data: bytes, offset: int, file: str, why: str) -> Refusal:
    return Refusal(
        Reason.INVALID_ENCODING,
        f"{why} (at byte offset {offset})",
        hint="Save the file as UTF-8.",
        location=Location(file, data.count(b"\n", 0, offset) + 1),
    )
