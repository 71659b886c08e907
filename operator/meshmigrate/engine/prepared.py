"""Migrations made ready: every file parsed and found acceptable before anything is changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from meshmigrate.domain.plan import Plan
from meshmigrate.domain.script import Migration, Script, Statement
from meshmigrate.domain.table_lock import TableLock
from meshmigrate.sql.prepare import prepare


@dataclass(frozen=True, slots=True)
class PreparedScript:
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


@dataclass(frozen=True, slots=True)
class PreparedMigration:
    """A migration with its file and its checks; its rollback script was found acceptable too."""

    migration: Migration
    script: PreparedScript
    checks: tuple[PreparedScript, ...]


def prepare_plan(plan: Plan, final_checks: Iterable[Script]) -> tuple[PreparedMigration, ...]:
    """Read every file that would run, before anything is changed.

    Raises
    ------
    Refusal
        Whatever is wrong with one of them, with its place.
    """
    for check in final_checks:
        prepare_script(check)
    return tuple(prepare_migration(migration) for migration in plan.pending)


def prepare_script(script: Script) -> PreparedScript:
    """Split a script.

    Raises
    ------
    Refusal
        Whatever is wrong with it, with its place.
    """
    return PreparedScript(script, prepare(script))


def prepare_migration(migration: Migration) -> PreparedMigration:
    """Split all scripts of a migration.

    Raises
    ------
    Refusal
        Whatever is wrong with one of them, with its place.
    """
    if migration.rollback is not None:
        prepare_script(migration.rollback)
    return PreparedMigration(
        migration,
        prepare_script(migration.script),
        tuple(prepare_script(check) for check in migration.checks),
    )
