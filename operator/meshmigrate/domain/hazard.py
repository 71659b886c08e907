"""Hazards: what a file may do that nobody wants to happen by mistake, and that can be told first.

A list that is closed and documented (docs/hazards.md). Only what the text of a file tells for sure
is a hazard; what code does that is not in the text (functions, EXECUTE) is not seen.
"""

from enum import StrEnum


class Hazard(StrEnum):
    """The hazards there are."""

    DELETES_DATA = "DeletesData"
    """Rows or columns are gone that are stored nowhere else."""
