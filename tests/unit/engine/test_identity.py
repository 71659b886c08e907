"""Which database it is: a copy is told from a failover, and both from the same."""

import pytest

from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.identity import Identity

HERE = Identity("7300000000000000001", "00000001")


def test_the_same_is_accepted() -> None:
    """Nothing happened."""
    HERE.refuse_failover(HERE)


def test_another_cluster_is_the_end() -> None:
    """Whatever its timeline."""
    other = Identity("7300000000000000002", "00000001")
    for refuse in (HERE.refuse_failover, HERE.refuse_another):
        with pytest.raises(Interruption) as caught:
            refuse(other)
        assert caught.value.reason is Reason.ANOTHER_DATABASE
        assert other.system_identifier in caught.value.message


def test_another_timeline_below_a_session_is_a_lost_connection() -> None:
    """What it has locked and read was on another server; a new connection reads again."""
    promoted = Identity(HERE.system_identifier, "00000002")
    HERE.refuse_another(promoted)
    with pytest.raises(Interruption) as caught:
        HERE.refuse_failover(promoted)
    assert caught.value.reason is Reason.CONNECTION_LOST
