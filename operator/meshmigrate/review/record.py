"""Proofs, kept in the ledger of the database that the files are for."""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import decode_result
from meshmigrate.domain.runspec import Folders, Ledger, LockPolicy, Policy, RunIdentity, RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.engine import session
from meshmigrate.engine.early import end_without_run
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.ledger import log, proofs, store
from meshmigrate.engine.run import Attempt, run
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted

_PATIENCE_SECONDS: Final = 30.0
"""For the migration lock: a run that goes on meanwhile is no reason to wait for its end."""
_VERIFIED: Final = "Verified"


def record(
    parameters: ConnectionParameters,
    ledger_schema: str,
    wanted: Wanted,
    proven: Sequence[Migration],
    tools: Tools,
) -> str:
    """Keep which pairs are proven, under the migration lock; an older ledger is upgraded first.

    Returns
    -------
    str
        Why they could not be kept; empty if they were.

    Raises
    ------
    Interruption
        Somebody asked to stop.
    """
    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=uuid4()),
        folders=Folders(migrations=()),
        ledger=Ledger(schema=ledger_schema),
        policy=Policy(lock=LockPolicy(acquire_timeout_seconds=_PATIENCE_SECONDS)),
    )
    ending = run(
        spec,
        lambda: parameters,
        tools,
        work=lambda attempt: _write(attempt, proven),
        read=lambda _: wanted,
    )
    result = decode_result(ending.encoded)
    if ending.outcome is Outcome.INTERRUPTED:
        raise Interruption(
            Reason(result.reason),
            f"the proofs were not kept: {result.message}",
            hint="Run it again: the database is as it was.",
        )
    return "" if ending.outcome.succeeded else result.message


def _write(attempt: Attempt, proven: Sequence[Migration]) -> Ending:
    ledger = store.Ledger(attempt.connection, attempt.spec.ledger.schema)
    attempt.take_lock()
    attempt.bring_up_to_date(ledger)
    locked = attempt.take_lease(ledger)
    with session.transaction(attempt.connection):
        locked.lease.guard()
        for migration in proven:
            proofs.record(ledger, migration)
            entry = log.Entry(
                event=_VERIFIED,
                version=str(migration.version),
                script=migration.script.file,
                message="up, down and up again on a copy of the schema",
            )
            log.append(ledger, entry)
    return end_without_run(attempt.known, f"{len(proven)} pairs kept as proven")
