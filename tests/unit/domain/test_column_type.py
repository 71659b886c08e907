"""Whether a type holds everything that another one holds."""

import pytest

from meshmigrate.domain.column_type import ColumnType

INT2, INT4, INT8 = (ColumnType(name) for name in ("int2", "int4", "int8"))
TEXT, NUMERIC, FLOAT8 = (ColumnType(name) for name in ("text", "numeric", "float8"))


def varchar(*length: int) -> ColumnType:
    """Give a varchar of a length."""
    return ColumnType("varchar", length)


def numeric(*digits: int) -> ColumnType:
    """Give a numeric of a precision and a scale."""
    return ColumnType("numeric", digits)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (INT8, INT4),
        (INT4, INT2),
        (NUMERIC, INT8),
        (FLOAT8, INT4),
        (TEXT, INT4),
        (TEXT, varchar(5)),
        (varchar(), TEXT),
        (varchar(6), varchar(5)),
        (varchar(5), varchar(5)),
        (NUMERIC, numeric(5, 2)),
        (numeric(7, 3), numeric(5, 2)),
        (numeric(7), numeric(7, 0)),
        (ColumnType("timestamptz"), ColumnType("timestamptz", (3,))),
    ],
)
def test_a_wider_type_holds_a_narrower_one(new: ColumnType, old: ColumnType) -> None:
    """But not the other way round, unless they are the same."""
    assert new.holds(old)
    assert old.holds(new) == (
        old == new or {new, old} in ({varchar(), TEXT}, {numeric(7), numeric(7, 0)})
    )


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (INT8, NUMERIC),
        (FLOAT8, INT8),
        (NUMERIC, FLOAT8),
        (varchar(5), TEXT),
        (varchar(5), varchar()),
        (numeric(5, 2), numeric(5, 1)),
        (numeric(6, 1), numeric(5, 2)),
        (numeric(5), NUMERIC),
        (ColumnType("timestamptz"), ColumnType("timestamp")),
        (ColumnType("inet"), ColumnType("cidr")),
        (ColumnType("bit", (6,)), ColumnType("bit", (5,))),
    ],
)
def test_what_may_be_rounded_cut_or_read_anew_is_not_held(new: ColumnType, old: ColumnType) -> None:
    """Nor what nobody has thought of."""
    assert not new.holds(old)
