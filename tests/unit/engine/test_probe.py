"""A pooler in transaction mode is told from a server and from a pooler in session mode."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import cast

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.probe import behind_pooler, probe, refuse_transaction_pooler


class _Info:
    """What libpq says about the connection; a pooler makes up the process id."""

    backend_pid = 99
    port = 6543

    def __init__(self, server_version: int = 0) -> None:
        self.server_version = server_version


class _Connection:
    """A connection that is answered by one server process after another."""

    def __init__(self, pids: Iterator[int], server_version: int = 0) -> None:
        self._pids = pids
        self.info = _Info(server_version)

    def execute(self, query: str) -> "_Connection":
        """Take any statement."""
        del query
        return self

    def fetchone(self) -> tuple[int]:
        """Give the process id."""
        return (next(self._pids),)


def connection(*pids: int) -> Connection:
    """Make a connection that stays with the last of these processes."""
    return cast("Connection", _Connection(chain(pids, repeat(pids[-1]))))


def test_a_made_up_process_id_means_that_a_pooler_is_in_the_way() -> None:
    """The server's own answer is the truth."""
    assert not behind_pooler(connection(99))
    assert behind_pooler(connection(7))


def test_one_session_throughout_is_accepted() -> None:
    """A pooler in session mode keeps promises as the server does."""
    refuse_transaction_pooler(connection(7), connection(8))


@pytest.mark.parametrize("pids", [(7, 8), (7, 7, 8), (7, 7, 7, 8)])
def test_another_session_means_transaction_mode(pids: tuple[int, ...]) -> None:
    """It is refused with the port that was used and the one that usually works."""
    with pytest.raises(Refusal) as caught:
        refuse_transaction_pooler(connection(*pids), connection(1))
    assert caught.value.reason is Reason.TRANSACTION_POOLER
    assert "6543" in caught.value.message
    assert "5432" in caught.value.hint


@pytest.mark.parametrize(("server_version", "major"), [(130012, 13), (190000, 19)])
def test_a_server_that_is_too_old_or_too_new_is_refused(server_version: int, major: int) -> None:
    """With what it is and what would do, before it is asked anything."""
    unknown = cast("Connection", _Connection(iter(()), server_version))
    with pytest.raises(Refusal) as caught:
        probe(unknown)
    assert caught.value.reason is Reason.UNSUPPORTED_SERVER
    assert caught.value.message == f"the server is PostgreSQL {major}"
    assert caught.value.hint == "Supported are 14 to 18."
