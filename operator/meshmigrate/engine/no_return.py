"""What a run must not take back by itself, although there is a rollback script."""

from collections.abc import Iterable

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.script import Migration
from meshmigrate.engine.ledger import history
from meshmigrate.engine.ledger.store import Ledger


def irreversible(
    ledger: Ledger, partial: Migration | None, standing: Iterable[AppliedVersion]
) -> str:
    """Name the versions whose rollback scripts say ``irreversible``, and why; empty if none does.

    Parameters
    ----------
    partial
        The file of which some steps stand.
    standing
        The versions that the run has applied; their scripts are the ledger's copies.
    """
    found = [(row.version, history.rollback_script(ledger, row)) for row in standing]
    if partial is not None:
        found.insert(0, (partial.version, partial.rollback))
    return "; ".join(
        f"version {version} is irreversible: {script.irreversible}"
        for version, script in found
        if script is not None and script.irreversible
    )
