"""Drift: the schema is not as the last run left it, so somebody changed it by hand."""

from collections.abc import Sequence
from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Difference, Fingerprint, names, no_schema
from meshmigrate.engine.ledger import log, past

_NAMED: Final = 10
_HINT: Final = (
    "See what changed: `meshmigrate fingerprint --against last-run`. Undo it by hand, or write it "
    "into a migration and undo it; where it is to stay, `--drift Warn` takes the schema as it is. "
    "What may change at any time goes into the fingerprint's ignored patterns."
)


def scope(locked: LockedRun) -> FingerprintScope:
    """Give what a run that was told nothing has to cover, so that the next can compare."""
    asked = locked.policy.fingerprint
    digest = past.last_left(locked.ledger) if asked == FingerprintScope() else None
    return asked if digest is None else catalog.scope_of(catalog.load(locked.ledger, digest))


def tell_missing(locked: LockedRun, before: Fingerprint) -> None:
    """Warn of schemas that the fingerprint is to cover and that do not exist, or not yet."""
    for name in before.missing_schemas:
        message = f"{no_schema(name)}: what is made there is compared, but is it the right name?"
        locked.events(Event(name=EventName.DRIFT, message=message, warning=True))


def find(locked: LockedRun, before: Fingerprint) -> log.Entry | None:
    """Compare the schema that a run finds with what the last one left; give a row for the log.

    Raises
    ------
    Refusal
        ``Drift``, if the policy says so.
    """
    policy, ledger = locked.policy.drift, locked.ledger
    digest = past.last_left(ledger)
    if policy == "Ignore" or digest in {None, before.digest}:
        return None
    last = catalog.load(ledger, str(digest))
    if last.scope != before.scope:
        return _told(
            locked, "drift is not checked: the last run covered other objects, or another release"
        )
    differences = tuple(last.differences(before))
    if not differences:
        return None
    message = f"the schema is not as the last run left it: {names(differences, _NAMED)}"
    if policy == "Refuse":
        raise Refusal(Reason.DRIFT, message, hint=_HINT)
    return _told(locked, message, differences)


def _told(locked: LockedRun, message: str, differences: Sequence[Difference] = ()) -> log.Entry:
    locked.events(Event(name=EventName.DRIFT, message=message, warning=bool(differences)))
    return log.Entry(
        event="Drift",
        run_id=locked.identity.id,
        attempt=locked.identity.attempt,
        message="\n".join((message, *map(str, differences))),
    )
