"""How a way back is proven: the schema is compared with what it was, and differences are named."""

from collections.abc import Sequence
from typing import Final

from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Difference, Fingerprint

_NAMED: Final = 3


def compare(locked: LockedRun, before: Fingerprint) -> tuple[Fingerprint, tuple[Difference, ...]]:
    """Compare with the schema as it is; a difference is read twice before it is believed."""
    scope = catalog.scope_of(before)
    after = catalog.take(locked.ledger.connection, scope, before)
    if any(before.differences(after)):
        after = catalog.take(locked.ledger.connection, scope, before)
    return after, tuple(before.differences(after))


def listed(texts: Sequence[str]) -> str:
    """Name the first few, and say how many more there are."""
    more = [f"and {len(texts) - _NAMED} more"] if len(texts) > _NAMED else []
    return "; ".join([*texts[:_NAMED], *more])
