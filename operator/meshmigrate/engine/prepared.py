"""Migrations made ready: every file parsed and found acceptable before anything is changed."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshmigrate.domain.plan import Plan
from meshmigrate.domain.script import Migration, Script, Statement
from meshmigrate.sql.prepare import prepare


@dataclass(frozen=True, slots=True)
class PreparedScript:
    """A script and the statements it is made of."""

    script: Script
    statements: tuple[Statement, ...]


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
