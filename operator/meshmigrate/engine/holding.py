"""Holding the lock and the lease: what an attempt works with from then on."""

from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.early import Known
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.reconnect import Link, take_lease
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted


def hold(
    link: Link, ledger: Ledger, spec: RunSpec, wanted: Wanted, *, tools: Tools, known: Known
) -> LockedRun:
    """Become the one who may write; the lock must be held.

    Raises
    ------
    Interruption
        ``Fenced`` or ``CommitUnknown``.
    """
    taken = take_lease(link, ledger, known)
    executor = Executor(
        connection=link.connection,
        server=link.server,
        lease=taken,
        policy=spec.policy,
        clock=tools.clock,
        stop=tools.stop,
        events=tools.events,
        in_flight=known.in_flight,
        activity=tools.activity,
    )
    return LockedRun(
        identity=spec.run,
        wanted=wanted,
        ledger=ledger,
        server=link.server,
        lease=taken,
        executor=executor,
        deadlines=link.deadlines,
        events=tools.events,
        lock_wait_seconds=known.lock_wait_seconds,
    )
