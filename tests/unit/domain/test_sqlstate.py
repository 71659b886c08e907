"""Codes are retried where waiting helps, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.domain.sqlstate import Retry, retry_after


@pytest.mark.parametrize(
    ("sqlstate", "retry"),
    [
        (None, Retry.CONNECTION),
        ("08000", Retry.CONNECTION),
        ("08006", Retry.CONNECTION),
        ("57P01", Retry.CONNECTION),
        ("57P02", Retry.CONNECTION),
        ("57P03", Retry.CONNECTION),
        ("57P05", Retry.CONNECTION),
        ("55P03", Retry.TRANSACTION),
        ("40P01", Retry.TRANSACTION),
        ("40001", Retry.TRANSACTION),
        ("53000", Retry.TRANSACTION),
        ("53300", Retry.TRANSACTION),
        ("53400", Retry.TRANSACTION),
        ("53100", Retry.NEVER),
        ("53200", Retry.NEVER),
        ("57P04", Retry.NEVER),
        ("57014", Retry.NEVER),
        ("25P03", Retry.NEVER),
        ("25P04", Retry.NEVER),
        ("25006", Retry.NEVER),
        ("28P01", Retry.NEVER),
        ("42601", Retry.NEVER),
        ("42501", Retry.NEVER),
        ("22P02", Retry.NEVER),
        ("23505", Retry.NEVER),
        ("40002", Retry.NEVER),
        ("P0001", Retry.NEVER),
        ("XX000", Retry.NEVER),
    ],
)
def test_each_code_has_its_decision(sqlstate: str | None, retry: Retry) -> None:
    """The table is the measured one."""
    assert retry_after(sqlstate) is retry


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=5))
def test_a_code_of_another_class_is_never_retried(sqlstate: str) -> None:
    """What nobody has thought about waits for a person."""
    if sqlstate[:2] not in {"08", "53"} and sqlstate[:3] not in {"400", "40P", "55P", "57P"}:
        assert retry_after(sqlstate) is Retry.NEVER
