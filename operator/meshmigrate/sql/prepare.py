"""The one door to the parser: what a script is made of, or why it cannot be run."""

from collections.abc import Iterator
from dataclasses import replace

from meshmigrate.domain.script import Script, Statement
from meshmigrate.sql.misplaced import refuse_misplaced
from meshmigrate.sql.outside import outside
from meshmigrate.sql.refuse import refuse_forbidden
from meshmigrate.sql.split import split


def prepare(script: Script) -> tuple[Statement, ...]:
    """Split a script into statements and refuse what the engine must not run.

    A file without a statement is allowed and gives an empty tuple.

    Raises
    ------
    Refusal
        With file, line and column of the first thing that is wrong: ``SyntaxError``,
        ``PsqlMetaCommand``, ``TransactionControl``, ``SessionControl``, ``CopyFromStdin``,
        ``NonTransactional``, ``InvalidDirective`` or, in a check, ``InvalidCheck``.
    """
    statements = tuple(_allowed(script))
    refuse_misplaced(script, statements)
    return statements


def _allowed(script: Script) -> Iterator[Statement]:
    no_transaction = script.no_transaction
    for statement, node in split(script):
        refuse_forbidden(script, statement, node)
        effect = outside(node, statement.text, no_transaction=no_transaction)
        yield replace(statement, outside=effect) if effect else statement
