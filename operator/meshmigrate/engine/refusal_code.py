"""The SQLSTATE of a connection that a server refuses, whatever language it speaks.

libpq shows the server's words, in the language of its ``lc_messages``, and keeps the code to
itself. Its trace has both, so one more connection is tried with the trace on (measured with
libpq 18: the trace covers the messages before a session begins; PostgreSQL manual, "PQtrace").
"""

import os
import re
import select
import sys
import time
from typing import Final

from psycopg import pq

from meshmigrate.domain.sqlstate import Retry, SqlState, retry_after

_SPOKEN: Final = ":  "
"""What libpq puts between a server's severity and its words, in any language."""
_CODE: Final = re.compile(rb'^B\t\S+\tErrorResponse\t.*? C "(\w{5})"', re.MULTILINE)
_SECONDS: Final = 10.0
_ENDED: Final = frozenset({pq.PollingStatus.OK, pq.PollingStatus.FAILED})


def refusal_code(conninfo: str, message: str) -> str | None:
    """Ask a server for the code behind its words.

    Of several hosts one that is worth another try counts.

    Parameters
    ----------
    message
        What libpq said of the connection that failed, with the spaces as they were.

    Returns
    -------
    str or None
        None where the server has not spoken, or libpq cannot trace (it can on Linux only).
    """
    if _SPOKEN not in message or sys.platform != "linux":
        return None
    # In memory: a trace has what is sent, a password in clear text among it.
    with open(os.memfd_create("trace"), "w+b", buffering=0) as trace:  # noqa: PTH123  has no path
        if _connect(conninfo.encode(), trace.fileno()) is pq.PollingStatus.OK:
            return SqlState.CANNOT_CONNECT_NOW  # it could not a moment ago, and now it can
        trace.seek(0)
        codes = [code.decode() for code in _CODE.findall(trace.read())]
    passing = (code for code in codes if retry_after(code) is not Retry.NEVER)
    return next(passing, codes[-1] if codes else None)


def _connect(conninfo: bytes, trace: int) -> pq.PollingStatus:
    """Connect as psycopg does, with the trace on, and leave again."""
    connection = pq.PGconn.connect_start(conninfo)
    try:
        if connection.status == pq.ConnStatus.BAD:
            return pq.PollingStatus.FAILED
        connection.trace(trace)
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        end, status = time.monotonic() + _SECONDS, pq.PollingStatus.WRITING
        while status not in _ENDED and (left := end - time.monotonic()) > 0:
            reading = status is pq.PollingStatus.READING
            sockets = [connection.socket]
            select.select(sockets if reading else [], [] if reading else sockets, [], left)
            status = pq.PollingStatus(connection.connect_poll())
        connection.untrace()
        return status
    finally:
        connection.finish()
