"""The fingerprint of a database, and how it differs from another one."""

from collections.abc import Iterator

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.domain.schema_answers import FingerprintAnswer, ObjectDifference, SectionDigest
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint, no_schema
from meshmigrate.engine.fingerprint.saved import for_eyes
from meshmigrate.engine.ledger import past
from meshmigrate.engine.looking import Sight


def take_fingerprint(
    sight: Sight, scope: FingerprintScope, against: Fingerprint | None = None
) -> Fingerprint:
    """Read the schema in the transaction that is open.

    Parameters
    ----------
    scope
        What to cover; if it says nothing, what the other one covers. Managed schemas are those
        of the other one in any case.
    """
    if against is not None and scope == FingerprintScope():
        scope = catalog.scope_of(against)
    return catalog.read(sight.ledger.connection, scope, against)


def left_by_last_run(sight: Sight) -> Fingerprint:
    """Give the fingerprint with which the last run ended, without what may be a secret.

    Raises
    ------
    Refusal
        ``NothingToCompare``.
    """
    digest = past.last_left(sight.ledger) if sight.ledger_version else None
    if digest is None:
        raise Refusal(
            Reason.NOTHING_TO_COMPARE,
            f"no run has ended in the ledger schema '{sight.ledger.schema}' yet",
            hint="Compare with a file instead: `meshmigrate fingerprint --save FILE` makes one.",
        )
    return for_eyes(catalog.load(sight.ledger, digest))


def answer(sight: Sight, now: Fingerprint, before: Fingerprint | None) -> FingerprintAnswer:
    """Say what the fingerprint is, and what differs from another one if there is one.

    Parameters
    ----------
    before
        Without what may be a secret.
    """
    shown = for_eyes(now)
    digests = now.section_digests
    return FingerprintAnswer(
        api_version=1,
        database=sight.server.identity,
        digest=now.digest,
        sections=tuple(
            SectionDigest(name=name, objects=len(now.sections[name]), digest=digest)
            for name, digest in digests.items()
        ),
        differences=None
        if before is None
        else tuple(
            ObjectDifference(section=it.section, object=it.object, before=it.before, after=it.after)
            for it in before.differences(shown)
        ),
        managed=now.managed,
        notes=(*map(no_schema, now.missing_schemas), *(_notes(before, shown) if before else ())),
    )


def _notes(before: Fingerprint, now: Fingerprint) -> Iterator[str]:
    for name in sorted(before.scope.keys() | now.scope.keys()):
        then, here = before.scope.get(name, ""), now.scope.get(name, "")
        if then != here:
            yield (
                f"{name} was {_quoted(then)} and is {_quoted(here)}: "
                "differences may come from that alone"
            )
    for table in before.reordered(now):
        yield f"{table} has its columns in another order, which is no difference"


def _quoted(lines: str) -> str:
    return f"'{', '.join(lines.splitlines())}'"
