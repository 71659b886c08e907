"""Which rights ALTER TABLE needs, and those of its subcommands on others."""

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pg
from postgast.pg_query_pb2 import Node

from meshmigrate.domain.privilege import Demand, Kind, Need, Right
from meshmigrate.sql.demands_of_names import on
from meshmigrate.sql.foreign_keys import referenced


def alter_table(tree: Any) -> Demand:
    """Give the demand of ALTER TABLE, ALTER INDEX, ALTER VIEW and their like."""
    commands = [part.alter_table_cmd for part in tree.cmds]
    given = any(command.subtype == pg.AT_ChangeOwner for command in commands)
    others = (need for command in commands for need in _others(command))
    return Demand(
        (on(tree.relation, Right.OWN), *others),
        changed=(tree.relation.relname,) if given else (),
    )


def _others(command: Any) -> Iterator[Need]:
    definition = getattr(command, "def")
    if command.subtype == pg.AT_ChangeOwner:
        yield from member_of(command.newowner)
    elif command.subtype == pg.AT_AttachPartition:
        yield on(definition.partition_cmd.name, Right.OWN)
    elif command.subtype in {pg.AT_AddConstraint, pg.AT_AddColumn}:
        yield from foreign_keys((definition,))


def foreign_keys(elements: Iterable[Node]) -> Iterator[Need]:
    """Give what the foreign keys in a definition need."""
    return (on(table, Right.REFERENCES) for table in referenced(elements))


def member_of(role: Any) -> tuple[Need, ...]:
    """Give what it needs to make a role an owner; none for CURRENT_USER and its like."""
    named = role.roletype == pg.ROLESPEC_CSTRING
    return (Need(Kind.ROLE, Right.MEMBER, name=role.rolename),) if named else ()
