"""What a run must not take back by itself, although there is a rollback script."""

from collections.abc import Iterable

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
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


def refuse_irreversible(ledger: Ledger, leaving: Iterable[AppliedVersion], target: Version) -> None:
    """Refuse to go back on purpose over a version that says ``irreversible``.

    Raises
    ------
    Refusal
        ``Irreversible``.
    """
    final = irreversible(ledger, None, leaving)
    if final:
        raise Refusal(
            Reason.IRREVERSIBLE,
            f"there is no way back to {target}: {final}",
            hint="Write a new migration that leads on from the state as it is.",
        )
