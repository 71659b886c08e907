"""Ways back that ended in the middle of a script in steps, and whose run ended there too.

Of such a version a part stands. Whether somebody has corrected that since, nothing tells: so
nothing goes forward from there, and nothing back past it, until a person says how it is.
"""

from collections.abc import Iterable
from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger import journal
from meshmigrate.engine.ledger.journal import Step
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.reckoning import changing

_WAY_ON: Final = (
    "Bring back by hand what {those} took away and say `meshmigrate repair --step retry --version "
    "{version} --reason TEXT`; or finish by hand what the script was to do, so that nothing of the "
    "version stands, and say the same with `--step done`."
)
_FURTHER: Final = (
    " Where the version is still in the history, `meshmigrate rollback --to` goes on behind them."
)


def find(ledger: Ledger, version: Version) -> list[Step]:
    """Give the steps of its rollback script that are done of a version that is half taken back."""
    return [step for step in _all(ledger) if step.version == str(version)]


def refuse(ledger: Ledger, leaving: Iterable[AppliedVersion] = ()) -> None:
    """Refuse to pass over a version that is half taken back.

    Parameters
    ----------
    leaving
        Versions that are about to be taken back: their scripts go on where they ended.

    Raises
    ------
    Refusal
        ``RollbackIncomplete``.
    """
    going = {str(row.version) for row in leaving}
    steps = [step for step in _all(ledger) if step.version not in going]
    if steps:
        version = steps[0].version
        found = [step for step in steps if step.version == version]
        named = ", ".join(map(str, found))
        raise Refusal(
            Reason.ROLLBACK_INCOMPLETE,
            f"version {version} is half taken back: {named} of the rollback script of version "
            f"{version} {'is' if len(found) == 1 else 'are'} done, and its run ended there",
            hint=way_on(version, len(found)) + _FURTHER,
        )


def way_on(version: Version | str, count: int) -> str:
    """Say what a person has to do about a version that is half taken back."""
    those = "that statement" if count == 1 else "those statements"
    return _WAY_ON.format(those=those, version=version)


def _all(ledger: Ledger) -> list[Step]:
    return changing(ledger, journal.half_back(ledger))
