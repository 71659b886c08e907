"""The foreign keys in the definition of a table, read from its parse tree."""

from collections.abc import Iterable, Iterator

from postgast import pg_query_pb2 as pg
from postgast.pg_query_pb2 import Node, RangeVar


def referenced(elements: Iterable[Node]) -> Iterator[RangeVar]:
    """Give the tables that foreign keys refer to.

    Nothing is searched, which would take longer than parsing: the grammar has them nowhere else.

    Parameters
    ----------
    elements
        Columns, table constraints, and whatever else a definition may hold.
    """
    for element in elements:
        in_column = element.column_def.constraints if element.HasField("column_def") else (element,)
        for part in in_column:
            if part.constraint.contype == pg.CONSTR_FOREIGN:
                yield part.constraint.pktable
