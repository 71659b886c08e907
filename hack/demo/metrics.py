"""Just enough of Prometheus' text format to add counters up."""

import re
from collections.abc import Callable, Mapping
from typing import Final

_SAMPLE: Final = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def total(text: str, metric: str, wanted: Callable[[Mapping[str, str]], bool]) -> float:
    """Add up a metric's samples whose labels are wanted."""
    return sum(
        float(value)
        for name, labels, value in _SAMPLE.findall(text)
        if name == metric and wanted(dict(_LABEL.findall(labels)))
    )
