"""The statements the engine must not run, each with its reason."""

from collections.abc import Iterator
from typing import Any, Final

from postgast import walk
from postgast.pg_query_pb2 import (
    A_Const,
    DeleteStmt,
    DiscardMode,
    FuncCall,
    InsertStmt,
    IntoClause,
    MergeStmt,
    Node,
    UpdateStmt,
    VariableSetStmt,
)

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.sql import do_block
from meshmigrate.sql.outside import outside
from meshmigrate.sql.transactional import outside_transactions

_UNLOCK: Final = "pg_advisory_unlock"

_READ_ONLY: Final = "transaction_read_only"
_OFF: Final = {"off", "false", "no", ""}
"""As words; a number has none."""

_UNICODE_ESCAPES: Final = 'u&"'

_WRITES: Final = (InsertStmt, UpdateStmt, DeleteStmt, MergeStmt, IntoClause)

_WHY: Final = {
    Reason.TRANSACTION_CONTROL: (
        "would end or divide the transaction that holds the file and its history row together",
        "Remove it: each file runs in one transaction of its own.",
    ),
    Reason.SESSION_CONTROL: (
        "would take away the lock or the role that the run depends on",
        "Remove it: the session belongs to the run and is reset between files.",
    ),
    Reason.COPY_FROM_STDIN: (
        "moves data through the client, and a migration has none to give or take",
        "Use INSERT; a dump made with --inserts has no COPY.",
    ),
    Reason.NON_TRANSACTIONAL: (
        "cannot run inside a transaction, and what it did cannot be looked up after a crash",
        "Begin the file with `-- meshmigrate: no-transaction`; it may need a person to go on then.",
    ),
    Reason.INVALID_CHECK: (
        "is not allowed in a check, which only reads",
        "Write a SELECT that gives one row whose first column is true.",
    ),
}
_HINTS: Final = {
    (Reason.TRANSACTION_CONTROL, "do_stmt"): (
        "Remove it, or begin the file with `-- meshmigrate: no-transaction`: each statement is a "
        "step of its own then; if this one is interrupted, a person decides how to go on."
    ),
    (Reason.NON_TRANSACTIONAL, "index_stmt"): "Give the index a name.",
    (Reason.NON_TRANSACTIONAL, "drop_stmt"): "Drop one index in each statement.",
    (Reason.TRANSACTION_CONTROL, "variable_set_stmt"): (
        "Remove it: what only reads is a check, and has a file of its own."
    ),
}
_WHY_OF: Final = {
    (Reason.TRANSACTION_CONTROL, "variable_set_stmt"): (
        "would keep the file's own row out of the history"
    ),
}
"""Where the statement tells more than the reason."""


def refuse_forbidden(script: Script, statement: Statement, node: Node) -> None:
    """Refuse a statement that a script of this kind must not contain.

    Raises
    ------
    Refusal
        ``TransactionControl``, ``SessionControl``, ``CopyFromStdin``, ``NonTransactional`` or
        ``InvalidCheck``, with the place of the statement.
    """
    for reason, what in _findings(script, statement, node):
        why, hint = _WHY[reason]
        form = (reason, node.WhichOneof("node") or "")
        raise Refusal(
            reason,
            f"{what} {_WHY_OF.get(form, why)}",
            hint=_HINTS.get(form, hint),
            location=script.location(statement.offset),
            statement=statement.kind,
        )


def _findings(script: Script, statement: Statement, node: Node) -> Iterator[tuple[Reason, str]]:
    name = node.WhichOneof("node") or ""
    tree = getattr(node, name)
    match name:
        case "transaction_stmt":
            yield Reason.TRANSACTION_CONTROL, statement.kind
        case "discard_stmt" if tree.target == DiscardMode.DISCARD_ALL:
            yield Reason.SESSION_CONTROL, "DISCARD ALL"
        case "variable_set_stmt":
            yield from _settings(statement, tree)
        case "do_stmt" if not script.no_transaction and do_block.ends_transaction(statement.text):
            yield Reason.TRANSACTION_CONTROL, "COMMIT or ROLLBACK in the body of DO"
        case "do_stmt" if do_block.mentions(statement.text, _UNLOCK):
            yield Reason.SESSION_CONTROL, f"{_UNLOCK} in the body of DO"
        case "copy_stmt" if not tree.filename:
            yield Reason.COPY_FROM_STDIN, "COPY FROM stdin" if tree.is_from else "COPY TO stdout"
    form = outside_transactions(node)
    if form and outside(node, statement.text, no_transaction=script.no_transaction) is None:
        yield Reason.NON_TRANSACTIONAL, form
    # A function's definition calls nothing yet.
    if name != "create_function_stmt" and _may_unlock(statement.text) and _unlocks(tree):
        yield Reason.SESSION_CONTROL, f"a call of {_UNLOCK}"
    reads = name == "select_stmt"
    if script.kind is ScriptKind.CHECK and not (reads and _writes_nothing(tree)):
        yield Reason.INVALID_CHECK, "a SELECT that writes" if reads else statement.kind


def _settings(statement: Statement, tree: VariableSetStmt) -> Iterator[tuple[Reason, str]]:
    if tree.name == "session_authorization":
        yield Reason.SESSION_CONTROL, f"{statement.kind} SESSION AUTHORIZATION"
    if _makes_read_only(tree):
        yield Reason.TRANSACTION_CONTROL, "a transaction that is READ ONLY"


def _makes_read_only(tree: VariableSetStmt) -> bool:
    """Tell whether the transaction itself becomes one; which ones begin so is reset anyway."""
    if tree.name.lower() == _READ_ONLY:
        value = tree.args[0].a_const if tree.args else None
        return value is not None and _is_on(value)
    if tree.name != "TRANSACTION":
        return False
    options = (each.def_elem for each in tree.args)
    return any(each.defname == _READ_ONLY and _is_on(each.arg.a_const) for each in options)


def _is_on(value: A_Const) -> bool:
    return bool(value.ival.ival) or value.sval.sval.lower() not in _OFF


def _may_unlock(text: str) -> bool:
    """Tell whether a text can hold such a call, as it is or in Unicode escapes.

    Walking every INSERT of a large file would take longer than parsing it.
    """
    lower = text.lower()
    return _UNLOCK in lower or _UNICODE_ESCAPES in lower


def _unlocks(tree: Any) -> bool:
    return any(
        isinstance(part, FuncCall) and part.funcname[-1].string.sval.startswith(_UNLOCK)
        for _, part in walk(tree)
    )


def _writes_nothing(tree: Any) -> bool:
    return not any(isinstance(part, _WRITES) for _, part in walk(tree))
