"""The migration log, and whether its chain holds."""

from uuid import UUID

from meshmigrate.domain.answers import Chain, LogAnswer
from meshmigrate.engine.ledger import log, story
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.looking import Sight


def read_log(sight: Sight, *, run_id: UUID | None, limit: int, verify: bool) -> LogAnswer:
    """Read the end of the log in the transaction that is open; no ledger is an empty log.

    Parameters
    ----------
    run_id
        The run whose rows are wanted; None for those of all.
    limit
        How many rows to give at most.
    verify
        Whether to walk the chain, which reads the whole log.
    """
    ledger = sight.ledger if sight.ledger_version else None
    return LogAnswer(
        api_version=1,
        database=sight.server.identity,
        ledger_schema=sight.ledger.schema,
        ledger_version=sight.ledger_version,
        rows=story.log_rows(ledger, run_id=run_id, limit=limit) if ledger else (),
        chain=_chain(ledger) if verify else None,
    )


def _chain(ledger: Ledger | None) -> Chain:
    if ledger is None:
        return Chain(intact=True, rows=0)
    broken = log.find_break(ledger)
    return Chain(intact=broken is None, rows=story.count_log(ledger), first_broken=broken)
