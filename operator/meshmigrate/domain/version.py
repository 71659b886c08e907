"""The version of a migration: the digits its file name starts with."""

from msgspec import Struct
from msgspec.structs import force_setattr


# Written out: what is derived takes three times as long, and long histories compare many.
class Version(Struct, frozen=True, eq=False, gc=False):
    """A migration's version, ordered and compared by its number.

    Parameters
    ----------
    text
        The digits as written in the file name; leading zeros are kept for showing.

    Raises
    ------
    ValueError
        If the text is not made of ASCII digits only.
    """

    text: str
    number: int = 0
    """What the digits say, whatever is given."""

    def __post_init__(self) -> None:
        if not (self.text.isascii() and self.text.isdigit()):
            raise ValueError(f"a version is made of digits only, not {self.text!r}")
        force_setattr(self, "number", int(self.text))

    def __eq__(self, other: object) -> bool:
        return self.number == other.number if isinstance(other, Version) else NotImplemented

    def __ne__(self, other: object) -> bool:  # a structure has one that asks for identity
        return not self == other

    def __hash__(self) -> int:
        return hash(self.number)

    def __lt__(self, other: "Version") -> bool:
        return self.number < other.number

    def __le__(self, other: "Version") -> bool:
        return self.number <= other.number

    def __gt__(self, other: "Version") -> bool:
        return self.number > other.number

    def __ge__(self, other: "Version") -> bool:
        return self.number >= other.number

    def __str__(self) -> str:
        return self.text


def parse_target(text: str | int) -> Version | None:
    """Read a target: a version, or None for ``latest``.

    Raises
    ------
    ValueError
        If the text is neither ``latest`` nor a version.
    """
    if text == "latest":
        return None
    try:
        return Version(str(text))
    except ValueError:
        raise ValueError(f"a target is 'latest' or a version, not {text!r}") from None
