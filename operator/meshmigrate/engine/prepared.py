"""Migrations made ready: every file parsed and found acceptable before anything is changed."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from meshmigrate.domain.errors import Location
from meshmigrate.domain.plan import Plan
from meshmigrate.domain.script import Migration, Script, ScriptKind, Statement
from meshmigrate.domain.table_lock import TableLock
from meshmigrate.domain.way_back import Pending

_NOTHING_TO_DO: Final = "-- nothing to take back\n"
_REMEMBERED: Final = 4096
"""Scripts; a run reads them before it has the lock, and again when it has it."""


class PreparedScript(Struct, frozen=True, gc=False):
    """A script and the statements it is made of."""

    script: Script
    statements: tuple[Statement, ...]

    @property
    def locks(self) -> frozenset[TableLock]:
        """What its statements take on tables that are there before it, as far as is known."""
        return frozenset(chain.from_iterable(one.locks or () for one in self.statements))

    @property
    def in_steps(self) -> bool:
        """Whether no single transaction can hold it."""
        return self.script.no_transaction or any(each.outside for each in self.statements)


class PreparedMigration(Struct, frozen=True, gc=False):
    """A migration with its file, its checks and its rollback script."""

    migration: Migration
    script: PreparedScript
    checks: tuple[PreparedScript, ...]
    rollback: PreparedScript | None = None

    @property
    def has_rollback(self) -> bool:
        """Whether somebody has written a rollback script for it."""
        rollback = self.migration.rollback
        return rollback is not None and rollback.text != _NOTHING_TO_DO

    def pending(self, *, begun: bool, proven: bool = False) -> Pending:
        """Give it as what modes and ways back are decided on.

        Parameters
        ----------
        begun
            Whether an earlier run has done some of its steps: then it goes on in steps.
        proven
            Whether its rollback script was proven.
        """
        return Pending(
            self.migration,
            self.script.statements,
            rollback=self.rollback.statements if self.rollback else (),
            steps_at=self._first_step if begun or self.script.in_steps else None,
            proven=proven,
        )

    @property
    def _first_step(self) -> Location:
        """The statement because of which it runs in steps, or the file if there is none."""
        script = self.migration.script
        outside = next((one for one in self.script.statements if one.outside), None)
        return script.location(outside.offset) if outside else Location(script.file)


def prepare_plan(plan: Plan, final_checks: Iterable[Script]) -> tuple[PreparedMigration, ...]:
    """Read every file that would run, before anything is changed; none if nothing is pending.

    Raises
    ------
    Refusal
        Whatever is wrong with one of them, with its place.
    """
    if not plan.pending:
        return ()
    for check in final_checks:
        prepare_script(check)
    return tuple(prepare_migration(migration) for migration in plan.pending)


@lru_cache(maxsize=_REMEMBERED)
def prepare_script(script: Script) -> PreparedScript:
    """Split a script.

    Raises
    ------
    Refusal
        Whatever is wrong with it, with its place.
    """
    from meshmigrate.sql.prepare import prepare  # noqa: PLC0415  the parser is imported when it is needed: 40 ms

    return PreparedScript(script, prepare(script))


def prepare_migration(migration: Migration) -> PreparedMigration:
    """Split all scripts of a migration.

    Raises
    ------
    Refusal
        Whatever is wrong with one of them, with its place.
    """
    script = prepare_script(migration.script)
    if migration.rollback is None and all(one.changes_nothing for one in script.statements):
        migration = replace(migration, rollback=_nothing_to_do(migration))
    rollback = None if migration.rollback is None else prepare_script(migration.rollback)
    return PreparedMigration(
        migration,
        script,
        tuple(prepare_script(check) for check in migration.checks),
        rollback,
    )


def _nothing_to_do(migration: Migration) -> Script:
    """Give the way back from a file that changes nothing: the ledger keeps it as any other."""
    file = f"rollbacks/{migration.version}_{migration.name}.sql"
    return Script(ScriptKind.ROLLBACK, file, _NOTHING_TO_DO)
