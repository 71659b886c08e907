"""What stands in the way of taking back what a run did, and what would be missing afterwards."""

from collections.abc import Sequence

from msgspec.structs import replace

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.domain.way_back import Pending, Way, WayBack, ways_back
from meshmigrate.engine import kept, session
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.ledger.journal import Step
from meshmigrate.engine.no_return import irreversible
from meshmigrate.engine.prepared import PreparedMigration, prepare_migration
from meshmigrate.engine.reckoning import changing, group_end


def find_obstacle(
    locked: LockedRun, partial: Migration | None, standing: tuple[AppliedVersion, ...]
) -> tuple[str, Reason | None] | None:
    """Say why a run cannot go back; None if it can.

    Parameters
    ----------
    partial
        The file of which some steps stand.
    standing
        The versions that the run has applied, the last one first.
    """
    without = [row.version for row in standing if row.rollback_checksum is None]
    if partial is not None and partial.rollback is None:
        without.insert(0, partial.version)
    if without:
        named = ", ".join(map(str, without))
        return f"as there is no rollback script for {named}", Reason.NO_ROLLBACK_SCRIPT
    final = irreversible(locked.ledger, partial, standing)
    if final:
        return f"as {final}", Reason.IRREVERSIBLE
    for back in _ways_back(locked, partial):
        if back.way is Way.IRREVERSIBLE:
            return f"as version {back.version} is irreversible: {back.why}", Reason.IRREVERSIBLE
    shared = changing(locked.ledger, journal.shared(locked.ledger, locked.identity.id))
    others = ", ".join(dict.fromkeys(step.version for step in shared))
    return (f"as an earlier run did a part of {others}", None) if others else None


def find_losses(locked: LockedRun, partial: Migration | None) -> tuple[str, ...]:
    """Name the data that the rollback scripts will not bring back, version by version."""
    ways = _ways_back(locked, partial)
    return tuple(f"version {back.version}: {text}" for back in ways for text in back.losses)


def forget_steps(locked: LockedRun, version: Version) -> None:
    """Let the file begin anew: what is done of it changed nothing, such as VACUUM."""
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        journal.forget_done(locked.ledger, version)


def name_standing(
    standing: Sequence[AppliedVersion],
    partial: Version | None,
    steps: Sequence[Step],
    *,
    unrecorded: bool = False,
) -> str:
    """Name the versions, and the steps or an unrecorded part of one more, that still stand."""
    applied = ", ".join(str(row.version) for row in reversed(standing))
    done = f"of version {partial} " + ", ".join(map(str, steps)) if steps else ""
    more = f"a part of version {partial} that is not recorded" if unrecorded else ""
    return "; ".join(filter(None, (applied, done, more)))


def _ways_back(locked: LockedRun, partial: Migration | None) -> list[WayBack]:
    """Say how what the run has applied is taken back, read from its files as at its start."""
    rows = reversed(history.of_run(locked.ledger, locked.identity.id))
    files = list(kept.files(locked, rows))
    if partial is not None:
        steps = journal.read(locked.ledger, partial.version, "up")
        files.append(_done_part(prepare_migration(partial), steps))
    return ways_back(files)


def _done_part(prepared: PreparedMigration, steps: Sequence[Step]) -> Pending:
    """Give a file that failed after some of its steps, without the statements it did not reach."""
    statements = prepared.script.statements
    end = max((group_end(prepared.script, step.ordinal - 1) for step in steps), default=0)
    return replace(prepared.pending(begun=True), statements=statements[:end])
