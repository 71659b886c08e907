"""A measured figure, its limit, and how it was taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report.

    Parameters
    ----------
    value
        In ``unit``.
    limit
        What it must not exceed; None for a figure that only explains another.
    how
        How it was taken, in a phrase.
    """

    name: str
    value: float
    unit: str
    how: str
    limit: float | None = None

    @property
    def met(self) -> bool:
        """Whether the value keeps within its limit."""
        return self.limit is None or self.value <= self.limit


def spread(values: Sequence[float]) -> str:
    """Say between what values lie, for the noise to be seen."""
    return f"{min(values):.2f} to {max(values):.2f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Give a percentile by the nearest-rank method: always one of the values."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def report(figures: Sequence[Figure]) -> str:
    """Lay the figures out for a person."""
    width = max(len(figure.name) for figure in figures)
    return "\n".join(
        f"{figure.name:<{width}}  {_verdict(figure)}\n    {figure.how}" for figure in figures
    )


def _verdict(figure: Figure) -> str:
    value = f"{figure.value:.2f} {figure.unit}"
    if figure.limit is None:
        return value
    return f"{value}  (at most {figure.limit:g}: {'met' if figure.met else 'NOT MET'})"
