"""YAML that every reader takes for the same text.

PyYAML knows the words of YAML 1.1; programs in Go take more than it does for numbers (1e5) and for
truth values (y). So a text is left without quotes only where nobody can take it for anything else.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z][-A-Za-z0-9_./]+")

_OTHER_LINE_ENDS: Final = re.compile("[\x85\u2028\u2029]")
"""Of YAML 1.1: in a block, readers in Go make them line feeds."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, where a block can hold every character."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write the same value twice rather than refer to it."""
        del data
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and not _OTHER_LINE_ENDS.search(text)
    style = "|" if block else None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_documents(documents: Iterable[dict[str, Any]]) -> str:
    """Give documents one after the other, fields in the order in which they are."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        explicit_start=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
