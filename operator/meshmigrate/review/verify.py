"""``verify``: every pending pair of scripts proven before anyone needs it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from uuid import uuid4

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import make_plan
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Access, Policy
from meshmigrate.domain.schema_answers import PairProof, VerifyAnswer
from meshmigrate.domain.script import Migration, Script
from meshmigrate.engine import session
from meshmigrate.engine.connect import connect
from meshmigrate.engine.ledger import history
from meshmigrate.engine.looking import Sight, look
from meshmigrate.engine.prepared import prepare_plan
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted
from meshmigrate.review.pairs import Rehearsal
from meshmigrate.review.schema_copy import dump_schema, restore
from meshmigrate.review.scratch import scratch_database
from meshmigrate.sql.shared import changes_server
from meshmigrate.sql.split import split

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The database that the files are for."""

    parameters: ConnectionParameters
    ledger_schema: str
    access: Access


def verify(
    target: Target,
    wanted: Wanted,
    tools: Tools,
    *,
    scratch_server: ConnectionParameters | None,
    tell: Tell,
) -> VerifyAnswer:
    """Prove the pending files in order, up to the first that breaks its promise.

    Parameters
    ----------
    scratch_server
        Where the scratch database is made; None for the target's own server.
    tell
        Told before each step that takes long.

    Raises
    ------
    Refusal
        Whatever a run would be refused for; ``NonTransactional`` of what reaches beyond the
        database; ``PermissionDenied``, ``ProgramMissing`` or ``DumpFailed``.
    Unreachable
        ``DatabaseUnreachable``.
    Interruption
        Somebody asked to stop; the scratch database is gone all the same.
    """
    with look(target.parameters, target.ledger_schema, "verify") as sight:
        server, pending = sight.server, _pending(sight, wanted)
    if not pending:
        return VerifyAnswer(api_version=1, database=server.identity, pending=0, proofs=())
    place = scratch_server or target.parameters
    with (
        session.translated(),
        closing(connect(place, "verify")) as home,
        scratch_database(home, place) as scratch,
    ):
        tell("copying the schema into a scratch database")
        dump = dump_schema(target.parameters, server.major, without=target.ledger_schema)
        with closing(connect(scratch, "verify")) as connection:
            left_out = tuple(restore(connection, dump))
        rehearsal = Rehearsal(parameters=scratch, access=target.access, tools=tools)
        proofs = tuple(_until_the_first_lie(rehearsal, pending, tell))
    return VerifyAnswer(
        api_version=1,
        database=server.identity,
        pending=len(pending),
        proofs=proofs,
        not_copied=left_out,
    )


def _pending(sight: Sight, wanted: Wanted) -> tuple[Migration, ...]:
    applied = history.read(sight.ledger) if sight.ledger_version else ()
    late_too = Policy(out_of_order="Apply")
    plan = make_plan(wanted.source, applied, target=wanted.target, run_id=uuid4(), policy=late_too)
    for prepared in prepare_plan(plan, wanted.source.final_checks):
        _refuse_beyond(prepared.migration.script)
        if prepared.migration.rollback is not None:
            _refuse_beyond(prepared.migration.rollback)
    return plan.pending


def _refuse_beyond(script: Script) -> None:
    """Refuse what a scratch database cannot hold: it would be done for real."""
    for statement, tree in split(script):
        if changes_server(tree):
            raise Refusal(
                Reason.NON_TRANSACTIONAL,
                f"{statement.kind} changes more than this database, so that no scratch database "
                "is a place to try it",
                hint="Verify the files before it with --target VERSION, and apply this one.",
                location=script.location(statement.offset),
                statement=statement.kind,
            )


def _until_the_first_lie(
    rehearsal: Rehearsal, pending: Sequence[Migration], tell: Tell
) -> Iterator[PairProof]:
    for count, migration in enumerate(pending, start=1):
        tell(f"{migration.version} {migration.name} ({count} of {len(pending)})")
        proof = rehearsal.prove(pending[:count])
        yield proof
        if proof.verdict.is_lie:
            return
