"""What kind of statement a parse tree is: PostgreSQL's command tag."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from postgast.pg_query_pb2 import Node, ObjectType, TransactionStmtKind, VariableSetKind

_BY_NODE: Final = {
    "alter_database_refresh_coll_stmt": "ALTER DATABASE",
    "alter_database_set_stmt": "ALTER DATABASE",
    "alter_enum_stmt": "ALTER TYPE",
    "alter_event_trig_stmt": "ALTER EVENT TRIGGER",
    "alter_extension_contents_stmt": "ALTER EXTENSION",
    "alter_fdw_stmt": "ALTER FOREIGN DATA WRAPPER",
    "alter_foreign_server_stmt": "ALTER SERVER",
    "alter_op_family_stmt": "ALTER OPERATOR FAMILY",
    "alter_role_set_stmt": "ALTER ROLE",
    "alter_seq_stmt": "ALTER SEQUENCE",
    "alter_stats_stmt": "ALTER STATISTICS",
    "alter_table_move_all_stmt": "ALTER TABLE",
    "alter_table_space_options_stmt": "ALTER TABLESPACE",
    "alter_tsconfiguration_stmt": "ALTER TEXT SEARCH CONFIGURATION",
    "alter_tsdictionary_stmt": "ALTER TEXT SEARCH DICTIONARY",
    "check_point_stmt": "CHECKPOINT",
    "close_portal_stmt": "CLOSE CURSOR",
    "composite_type_stmt": "CREATE TYPE",
    "constraints_set_stmt": "SET CONSTRAINTS",
    "create_am_stmt": "CREATE ACCESS METHOD",
    "create_enum_stmt": "CREATE TYPE",
    "create_event_trig_stmt": "CREATE EVENT TRIGGER",
    "create_fdw_stmt": "CREATE FOREIGN DATA WRAPPER",
    "create_foreign_server_stmt": "CREATE SERVER",
    "create_op_class_stmt": "CREATE OPERATOR CLASS",
    "create_op_family_stmt": "CREATE OPERATOR FAMILY",
    "create_plang_stmt": "CREATE LANGUAGE",
    "create_range_stmt": "CREATE TYPE",
    "create_seq_stmt": "CREATE SEQUENCE",
    "create_stats_stmt": "CREATE STATISTICS",
    "create_stmt": "CREATE TABLE",
    "create_table_space_stmt": "CREATE TABLESPACE",
    "create_trig_stmt": "CREATE TRIGGER",
    "createdb_stmt": "CREATE DATABASE",
    "declare_cursor_stmt": "DECLARE CURSOR",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "dropdb_stmt": "DROP DATABASE",
    "index_stmt": "CREATE INDEX",
    "lock_stmt": "LOCK TABLE",
    "refresh_mat_view_stmt": "REFRESH MATERIALIZED VIEW",
    "rule_stmt": "CREATE RULE",
    "sec_label_stmt": "SECURITY LABEL",
    "truncate_stmt": "TRUNCATE TABLE",
    "variable_show_stmt": "SHOW",
    "view_stmt": "CREATE VIEW",
}

_OBJECTS: Final = {
    "ATTRIBUTE": "TYPE",
    "COLUMN": "TABLE",
    "DOMCONSTRAINT": "DOMAIN",
    "FDW": "FOREIGN DATA WRAPPER",
    "FOREIGN SERVER": "SERVER",
    "MATVIEW": "MATERIALIZED VIEW",
    "OPCLASS": "OPERATOR CLASS",
    "OPFAMILY": "OPERATOR FAMILY",
    "STATISTIC EXT": "STATISTICS",
    "TABCONSTRAINT": "TABLE",
    "TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "TSPARSER": "TEXT SEARCH PARSER",
    "TSTEMPLATE": "TEXT SEARCH TEMPLATE",
}


_RESET: Final = {VariableSetKind.VAR_RESET, VariableSetKind.VAR_RESET_ALL}

_TRANSACTION: Final = {
    "PREPARE": "PREPARE TRANSACTION",
    "ROLLBACK TO": "ROLLBACK TO SAVEPOINT",
    "START": "START TRANSACTION",
}


def command_tag(node: Node) -> str:
    """Give the command tag of a statement, such as ``CREATE TABLE``.

    The words are those of PostgreSQL (src/include/tcop/cmdtaglist.h). A statement that no table
    here lists is named after its node, which for most of them gives the same.
    """
    name = node.WhichOneof("node")
    if by_content := _BY_CONTENT.get(name):
        return by_content(getattr(node, name))
    return _BY_NODE.get(name) or _words(name.removesuffix("_stmt").upper())


def _alter(kind: int) -> str:
    return f"ALTER {_object(kind)}"


def _object(kind: int) -> str:
    words = _words(ObjectType.Name(kind).removeprefix("OBJECT_"))
    return _OBJECTS.get(words, words)


def _rename(statement: Any) -> str:
    of_column = statement.rename_type == ObjectType.OBJECT_COLUMN
    return _alter(statement.relation_type if of_column else statement.rename_type)


def _create_as(statement: Any) -> str:
    materialized = statement.objtype == ObjectType.OBJECT_MATVIEW
    return "CREATE MATERIALIZED VIEW" if materialized else "CREATE TABLE AS"


def _transaction(statement: Any) -> str:
    words = _words(TransactionStmtKind.Name(statement.kind).removeprefix("TRANS_STMT_"))
    return _TRANSACTION.get(words, words)


def _words(name: str) -> str:
    return name.replace("_", " ")


_BY_CONTENT: Final[Mapping[str, Callable[[Any], str]]] = {
    "alter_function_stmt": lambda s: _alter(s.objtype),
    "alter_object_depends_stmt": lambda s: _alter(s.object_type),
    "alter_object_schema_stmt": lambda s: _alter(s.object_type),
    "alter_owner_stmt": lambda s: _alter(s.object_type),
    "alter_table_stmt": lambda s: _alter(s.objtype),
    "create_function_stmt": lambda s: f"CREATE {'PROCEDURE' if s.is_procedure else 'FUNCTION'}",
    "create_table_as_stmt": _create_as,
    "define_stmt": lambda s: f"CREATE {_object(s.kind)}",
    "drop_stmt": lambda s: f"DROP {_object(s.remove_type)}",
    "fetch_stmt": lambda s: "MOVE" if s.ismove else "FETCH",
    "grant_role_stmt": lambda s: "GRANT ROLE" if s.is_grant else "REVOKE ROLE",
    "grant_stmt": lambda s: "GRANT" if s.is_grant else "REVOKE",
    "rename_stmt": _rename,
    "transaction_stmt": _transaction,
    "vacuum_stmt": lambda s: "VACUUM" if s.is_vacuumcmd else "ANALYZE",
    "variable_set_stmt": lambda s: "RESET" if s.kind in _RESET else "SET",
}
