"""How long a statement may wait for a lock and run, so that the application never stands still.

A statement that waits for a strong lock makes everybody after it wait too, so it waits briefly
and the whole transaction tries again; a statement that waits for a row lock blocks nobody.
"""

import math
from typing import Final

from meshmigrate.domain.errors import Failure, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.engine.clock import Clock, Deadline
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import allow, defer
from meshmigrate.engine.server_error import is_cancelled
from meshmigrate.engine.session import translated
from meshmigrate.engine.stop import Stop, interruption

_DML: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})
_WEAK: Final = _DML | {"SELECT", "VALUES", "SET", "RESET", "SHOW", "NOTIFY"}
"""Kinds that take no lock stronger than ROW EXCLUSIVE, unless a function of theirs does."""

_LONGEST_MS: Final = 2**31 - 1
_PATIENT_MS: Final = 30_000
_SHORT_MS: Final = (100, 100, 100, 100, 100, 250, 500, 1000)
_LONGEST_PAUSE: Final = 10.0
_FIRST_PAUSE: Final = 0.05


class Limits:
    """The timeouts of the statements of one transaction.

    Parameters
    ----------
    attempt
        Which try of the transaction this is, from 1: later ones wait a little longer.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        timeout_seconds: float,
        deadline: Deadline,
        clock: Clock,
        attempt: int,
    ) -> None:
        self._connection = connection
        self._policy_seconds = self._timeout_seconds = timeout_seconds
        self._deadline = deadline
        self._clock = clock
        self._attempt = attempt
        self._strong_lock_held = False
        self._in_force: tuple[int, int] | None = None
        self._started: float | None = None
        self._shortest_ms = 0
        self.seconds = timeout_seconds
        """What the last statement may take."""

    def begin(self, script: Script) -> None:
        """Let the statements of a script take as long as it says itself, or else the policy."""
        self._timeout_seconds = script.timeout_seconds or self._policy_seconds
        self._in_force = None

    def outlast(self, milliseconds: int) -> None:
        """Let every statement wait at least this long for a lock."""
        self._shortest_ms = milliseconds

    def prepare(self, statement: Statement) -> None:
        """Set what holds for the next statement."""
        defer(self._connection, self._text(statement.kind))
        allow(self._connection, self.seconds)
        self._strong_lock_held |= statement.kind not in _WEAK
        self._started = self._clock.monotonic()

    def restore(self) -> None:
        """Set what holds for the end of a script, whatever the script has set."""
        defer(self._connection, self.restoring())
        allow(self._connection, self.seconds)

    def restoring(self) -> bytes:
        """Give the statements that do this, to be sent behind the last one of the script.

        What was deferred is checked then, and waits for rows as data statements do.
        """
        return self._text("INSERT")

    def _text(self, kind: str) -> bytes:
        self.seconds = min(self._timeout_seconds, math.ceil(self._deadline.remaining) or 0.001)
        lock_ms = lock_timeout_ms(kind, self._attempt, after_strong=self._strong_lock_held)
        lock_ms = max(lock_ms, self._shortest_ms)
        wanted = (lock_ms, min(math.ceil(self.seconds * 1000), _LONGEST_MS))
        known, self._in_force = self._in_force, None
        # Only data statements certainly leave the settings alone: every dump starts with
        # SET lock_timeout = 0.
        if kind in _DML:
            self._in_force = wanted
        if wanted == known:
            return b""
        return (
            f"SET LOCAL statement_timeout = {wanted[1]};SET LOCAL lock_timeout = {wanted[0]};"
        ).encode()

    def expired(self) -> bool:
        """Tell whether the run's time is over, however much each statement may take."""
        return self._deadline.passed

    @property
    def timed_out(self) -> bool:
        """Whether the last statement has used up its time."""
        if self._started is None:
            return False
        return self._clock.monotonic() - self._started >= self.seconds

    @property
    def bounded_by_deadline(self) -> bool:
        """Whether the last statement had less time than it may take, as the run ends."""
        return self.seconds < self._timeout_seconds


def lock_timeout_ms(kind: str, attempt: int, *, after_strong: bool) -> int:
    """Give how long a statement may wait for one lock, in milliseconds.

    Parameters
    ----------
    kind
        Its command tag.
    attempt
        Which try of its transaction this is, from 1.
    after_strong
        Whether its transaction may already hold a strong lock, behind which others wait.
    """
    if kind in _DML:
        return _SHORT_MS[-1] if after_strong else _PATIENT_MS
    return _SHORT_MS[min(attempt, len(_SHORT_MS)) - 1]


def pause_seconds(attempt: int, jitter: float) -> float:
    """Give the pause after a failed try, from 1: exponential, with full jitter in [0, 1)."""
    return jitter * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempt, 16))


def limit(connection: Connection, seconds: float, *, lock_ms: int = 0) -> None:
    """Give the next statement outside of transactions its time, and the time to wait for a lock.

    With 0 it waits as long as it must: a short lock_timeout would leave an INVALID index behind.
    """
    milliseconds = min(max(math.ceil(seconds * 1000), 1), _LONGEST_MS)
    with translated():
        connection.execute(
            f"SET lock_timeout = {lock_ms}; SET statement_timeout = {milliseconds}".encode()
        )
    allow(connection, seconds)


def timed_out(error: MigrationError, seconds: float) -> Failure:
    """Give the failure of a statement that has used up its time."""
    return Failure(
        Reason.STATEMENT_TIMEOUT,
        f"the statement ran longer than {seconds:g} s",
        hint="Begin the file with `-- meshmigrate: timeout 1h`, raise --statement-timeout "
        "(statementTimeoutSeconds of the resource), or split the work into smaller statements.",
        location=error.location,
        sqlstate=error.sqlstate,
        statement=error.statement,
    )


def explained(
    error: MigrationError, limits: Limits, deadline: Deadline, stop: Stop
) -> MigrationError:
    """Say who cancelled: the server tells a timeout, a person and our own stop alike."""
    if not is_cancelled(error):
        return error
    if stop.requested:
        return interruption()
    if deadline.passed or (limits.timed_out and limits.bounded_by_deadline):
        return deadline.exceeded(error)
    return timed_out(error, limits.seconds) if limits.timed_out else error
