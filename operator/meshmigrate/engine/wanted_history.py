"""What a run is told about the history: adopted, declared present, accepted; in that order.

The same decisions as those of the commands, but said again with every run: what is done is
passed over.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Accepted, RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine import adopt
from meshmigrate.engine.baseline import decide_baseline
from meshmigrate.engine.declaration import NOTHING, Decide, Declaration, Situation
from meshmigrate.engine.ledger import log
from meshmigrate.engine.repair import Repair


def decide_history(spec: RunSpec, situation: Situation) -> Declaration:
    """Give what the history has to be made to say before anything is planned.

    Raises
    ------
    Refusal
        As the commands do; ``ChecksumMismatch`` where a file is not the accepted one, and
        ``TargetBelowCurrent`` where the target lies below the baseline.
    """
    found = NOTHING
    for decide in _decisions(spec):
        one = decide(situation)
        situation = replace(situation, history=one.history(situation.history))
        message = "; ".join(filter(None, (found.message, one.message)))
        found = Declaration(message=message, versions=(*found.versions, *one.versions))
    return found


def _decisions(spec: RunSpec) -> Iterator[Decide]:
    if spec.ledger.adopt == "Supabase":
        yield partial(_adopt, spec)
    if spec.ledger.baseline:
        yield partial(_baseline, spec.ledger.baseline)
    yield from (partial(_accept, spec, accepted) for accepted in spec.ledger.accept)


def _adopt(spec: RunSpec, situation: Situation) -> Declaration:
    there = adopt.versions(situation.connection)
    if not there and any(row.how == "adopted" for row in situation.history):
        return NOTHING
    edited = [each for each in spec.ledger.accept if _version(each.version).number in there]
    for each in edited:
        _refuse_another_file(each, situation)
    accepted = {_version(each.version): each.reason for each in edited}
    return adopt.Adoption(tuple(accepted), spec.provenance.actor, accepted).decide(situation)


def _baseline(text: str, situation: Situation) -> Declaration:
    baseline, target = _version(text), situation.wanted.target
    if target is not None and target < baseline:
        raise Refusal(
            Reason.TARGET_BELOW_CURRENT,
            f"the target {target} is below the baseline {baseline}",
            hint="Take ledger.baseline out of the resource to go back below it.",
        )
    ledger = situation.ledger
    if not situation.history and ledger is not None and log.has(ledger, log.BASELINED):
        return NOTHING  # it was declared, and has been taken back since
    return decide_baseline(replace(situation, wanted=replace(situation.wanted, target=baseline)))


def _accept(spec: RunSpec, accepted: Accepted, situation: Situation) -> Declaration:
    _refuse_another_file(accepted, situation)
    version = _version(accepted.version)
    if version not in {row.version for row in situation.history}:
        return NOTHING  # it is still to be applied, as the file is now
    try:
        return Repair(version, accepted.reason, spec.provenance.actor).decide(situation)
    except Refusal as refusal:
        if refusal.reason is Reason.NOTHING_TO_REPAIR:
            return NOTHING
        raise


def _refuse_another_file(accepted: Accepted, situation: Situation) -> None:
    """Refuse where the file was edited again since somebody accepted it."""
    version = _version(accepted.version)
    for migration in situation.wanted.source.migrations:
        script = migration.script
        if migration.version == version and script.checksum != accepted.checksum:
            raise Refusal(
                Reason.CHECKSUM_MISMATCH,
                f"ledger.accept names {accepted.checksum} for version {version}, but its file has "
                f"{script.checksum}",
                hint="Restore the file that was accepted; or, where the database already is what "
                "the file says now, accept that checksum.",
                location=Location(script.file),
            )


def _version(text: str) -> Version:
    try:
        return Version(text)
    except ValueError as error:
        raise Refusal(
            Reason.UNKNOWN_TARGET, str(error), hint="Give a version of the source."
        ) from error
