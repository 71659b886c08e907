"""Spans, where the environment names a collector; nothing of OpenTelemetry is imported elsewhere.

Names and attributes are those of OpenTelemetry's semantic conventions (database client spans,
code attributes); our own begin with ``meshmigrate.``. No span holds a statement's text.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.trace_context import TraceContext, is_collector_named

Attributes = Mapping[str, str | int]

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PastSpan:
    """A span that is known only when it is over.

    ``own`` is what the spans that are below it were given as their parent. ``failed`` is how it
    failed, in a word; empty if it did not.
    """

    name: str
    attributes: Attributes
    own: TraceContext
    parent: TraceContext | None
    began: datetime
    ended: datetime
    failed: str = ""


class Span(Protocol):
    """What is going on."""

    def tell(self, attributes: Attributes) -> None:
        """Say more about it."""
        ...

    def fail(self, why: str, sqlstate: str = "") -> None:
        """Say that it failed, in a word."""
        ...


class Recorder(Protocol):
    """Who makes spans and sends them."""

    def span(
        self, name: str, attributes: Attributes, *, client: bool, parent: TraceContext | None
    ) -> AbstractContextManager[Span]:
        """Give a span for the block, below the one of the block around it or below a parent."""
        ...

    def record(self, past: PastSpan) -> None:
        """Send a span of the past."""
        ...

    def close(self) -> None:
        """Send what is left, if that is done in a moment."""
        ...


class _Unseen:
    """A span that nobody wants."""

    def tell(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, why: str, sqlstate: str = "") -> None:
        """Do nothing."""


_UNSEEN: Final = _Unseen()
_recorder: Final[ContextVar[Recorder | None]] = ContextVar("recorder", default=None)


@contextmanager
def recording(own: TraceContext | None = None) -> Iterator[None]:
    """Record the spans of the block, if a collector is named; sending them fails nothing.

    Parameters
    ----------
    own
        Where spans that have no parent belong; those of its own each is a trace without it.
    """
    recorder = _find_recorder(own)
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)
        if recorder is not None:
            recorder.close()


@contextmanager
def span(
    name: str,
    attributes: Callable[[], Attributes] = dict,
    *,
    client: bool = False,
    parent: TraceContext | None = None,
) -> Iterator[Span]:
    """Give a span for the block; an error that leaves the block is the span's.

    Parameters
    ----------
    attributes
        Asked for only if somebody wants them.
    client
        Whether the block waits for a server's answer.
    """
    recorder = _recorder.get()
    if recorder is None:
        yield _UNSEEN
        return
    with recorder.span(name, attributes(), client=client, parent=parent) as made:
        try:
            yield made
        except MigrationError as error:
            made.fail(error.reason, error.sqlstate or "")
            raise
        except Exception as error:
            made.fail(type(error).__name__)
            raise


def is_recording() -> bool:
    """Tell whether anybody wants spans."""
    return _recorder.get() is not None


def unseen() -> AbstractContextManager[Span]:
    """Give a span that is not sent."""
    return nullcontext(_UNSEEN)


def record(past: PastSpan) -> None:
    """Send a span of the past."""
    recorder = _recorder.get()
    if recorder is not None:
        recorder.record(past)


def _find_recorder(own: TraceContext | None) -> Recorder | None:
    if not is_collector_named(os.environ):
        return None
    try:
        from meshmigrate.observe.otlp import OTLPRecorder  # noqa: PLC0415  optional, and 150 ms

        return OTLPRecorder(own)
    except ImportError:
        _logger.warning("no traces: install OpenTelemetry: pip install 'meshmigrate[traces]'")
    except Exception as error:  # noqa: BLE001  whatever is wrong with the variables fails no run
        _logger.warning(
            "no traces: the variables OTEL_* are not understood: %s", type(error).__name__
        )
    return None
