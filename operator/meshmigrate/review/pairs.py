"""A migration and its rollback script, proven on a scratch database: up, down, and up again.

The rule (facts of the catalog): with F0 before, F1 after the way up, F2 after the way back and F3
after the second way up, a pair keeps its promise if F2 = F0 and F3 = F1.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from msgspec.structs import replace as with_fields

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result, decode_result
from meshmigrate.domain.retreat import BEFORE_THE_FIRST
from meshmigrate.domain.runspec import Access, Folders, HazardPolicy, Policy, RunIdentity, RunSpec
from meshmigrate.domain.schema_answers import PairProof, Verdict
from meshmigrate.domain.script import Migration, MigrationSet
from meshmigrate.engine.connect import connect
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from meshmigrate.engine.rollback import roll_back
from meshmigrate.engine.run import run
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Runs pairs on a scratch database, by the engine that will run them for real.

    Its history has the rehearsed files only: what the target has is in the schema it starts from.
    """

    parameters: ConnectionParameters
    access: Access
    tools: Tools

    def prove(self, migrations: Sequence[Migration]) -> PairProof:
        """Prove the last of these migrations; those before it have been applied.

        Raises
        ------
        Interruption
            Somebody asked to stop.
        """
        migration, before = migrations[-1], self._fingerprint()
        found = self._up(migrations, Verdict.UP_FAILED)
        if found is not None:
            return found
        if migration.rollback is None:
            return _proof(migration, Verdict.NO_SCRIPT, "there is no rollback script")
        if reason := migration.rollback.irreversible:
            return _proof(migration, Verdict.IRREVERSIBLE, f"declared irreversible: {reason}")
        after = self._fingerprint()
        return (
            self._down(migrations)
            or self._differs(migration, Verdict.DOWN_DIFFERS, before)
            or self._up(migrations, Verdict.UP_AGAIN_FAILED)
            or self._differs(migration, Verdict.UP_AGAIN_DIFFERS, after)
            or _proof(migration, Verdict.PROVEN, "")
        )

    def _up(self, migrations: Sequence[Migration], verdict: Verdict) -> PairProof | None:
        # Checks are about data, and there is none here.
        source = MigrationSet(tuple(with_fields(one, checks=()) for one in migrations))
        ending = run(
            self._spec("latest"), self._read, self.tools, read=lambda _: Wanted(source, None)
        )
        done = _result(ending)
        return None if done.outcome.succeeded else _failed(migrations[-1], verdict, done)

    def _down(self, migrations: Sequence[Migration]) -> PairProof | None:
        migration = migrations[-1]
        previous = migrations[-2].version if len(migrations) > 1 else BEFORE_THE_FIRST
        done = _result(roll_back(self._spec(str(previous)), self._read, self.tools))
        # That the schema is another one is found out here too, object by object.
        still_there = done.current_version == str(migration.version)
        return _failed(migration, Verdict.DOWN_FAILED, done) if still_there else None

    def _differs(
        self, migration: Migration, verdict: Verdict, expected: Fingerprint
    ) -> PairProof | None:
        differences = tuple(map(str, expected.differences(self._fingerprint())))
        if not differences:
            return None
        return _proof(migration, verdict, _DIFFERS[verdict], differences)

    def _fingerprint(self) -> Fingerprint:
        with closing(connect(self.parameters, "verify")) as connection:
            return catalog.take(connection)

    def _read(self) -> ConnectionParameters:
        return self.parameters

    def _spec(self, target: str) -> RunSpec:
        return RunSpec(
            api_version=1,
            run=RunIdentity(id=uuid4()),
            folders=Folders(migrations=()),
            target=target,
            database=self.access,
            # Nothing of the user's is there to be lost.
            policy=Policy(on_failure="Halt", hazards=HazardPolicy(allow=tuple(Hazard))),
        )


_CORRECT: Final = "Correct the script, and verify again: the database itself was only read."
_DIFFERS: Final = {
    Verdict.DOWN_DIFFERS: "the rollback script ran, but the schema is not what it was before",
    Verdict.UP_AGAIN_DIFFERS: "applied a second time, the file makes another schema",
}


def _result(ending: Ending) -> Result:
    """Give how a run on the scratch database ended, if it said anything about the scripts.

    Raises
    ------
    Interruption
        Somebody asked to stop, or the connection was lost.
    """
    result = decode_result(ending.encoded)
    if ending.outcome.retryable:
        raise Interruption(
            Reason(result.reason),
            f"verifying was interrupted: {result.message}",
            hint="Run it again: the database itself was only read.",
        )
    return result


def _proof(
    migration: Migration, verdict: Verdict, message: str, differences: tuple[str, ...] = ()
) -> PairProof:
    return PairProof(
        version=str(migration.version),
        name=migration.name,
        verdict=verdict,
        message=message,
        differences=differences,
    )


def _failed(migration: Migration, verdict: Verdict, done: Result) -> PairProof:
    return PairProof(
        version=str(migration.version),
        name=migration.name,
        verdict=verdict,
        message=done.failure.message if done.failure else done.message,
        failure=with_fields(done.failure, hint=_CORRECT) if done.failure else None,
    )
