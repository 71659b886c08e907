"""Where a database stands: its version, what is pending, who works on it, and how it went."""

from typing import Final

from msgspec.structs import replace

from meshmigrate.domain.answers import LockHolder, Status
from meshmigrate.engine import lock
from meshmigrate.engine.ledger import history, story
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.next_step import next_step
from meshmigrate.engine.wanted import Wanted

_RUNS_SHOWN: Final = 5


def read_status(sight: Sight, wanted: Wanted | None) -> Status:
    """Read all of it in the transaction that is open; no ledger is an answer too.

    Parameters
    ----------
    wanted
        The files, where they are known: what is pending depends on them.
    """
    ledger = sight.ledger if sight.ledger_version else None
    present = [row.version for row in history.read(ledger)] if ledger else []
    found = Status(
        api_version=1,
        database=sight.server.identity,
        ledger_schema=sight.ledger.schema,
        ledger_version=sight.ledger_version,
        current_version=str(max(present, default="")),
        applied_count=len(present),
        pending_count=wanted.count_pending(present) if wanted else None,
        lock=_holder(sight),
        unfinished=story.unfinished(ledger) if ledger else (),
        runs=story.latest(ledger, _RUNS_SHOWN) if ledger else (),
        open_steps=story.open_steps(ledger) if ledger else (),
        half_back=story.half_back(ledger) if ledger else (),
    )
    return replace(found, next=next_step(found))


def _holder(sight: Sight) -> LockHolder | None:
    holder = lock.find_holder(sight.ledger.connection)
    if holder is None:
        return None
    run_id = story.leased_to(sight.ledger, holder.pid) if sight.ledger_version else None
    return LockHolder(
        pid=holder.pid,
        application_name=holder.application_name,
        role=holder.role,
        connected_since=holder.since,
        run_id=str(run_id or ""),
    )
