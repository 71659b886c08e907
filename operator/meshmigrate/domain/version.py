"""The version of a migration: the digits its file name starts with."""

from dataclasses import dataclass, field
from functools import total_ordering


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
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

    text: str = field(compare=False)
    number: int = field(init=False)

    def __post_init__(self) -> None:
        if not (self.text.isascii() and self.text.isdigit()):
            raise ValueError(f"a version is made of digits only, not {self.text!r}")
        object.__setattr__(self, "number", int(self.text))

    def __lt__(self, other: "Version") -> bool:
        return self.number < other.number

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
