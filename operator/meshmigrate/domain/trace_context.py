"""The trace that a run belongs to, as ``TRACEPARENT`` carries it (W3C Trace Context, 3.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self
from uuid import UUID

_FORM: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(-.*)?"
)
_SAMPLED: Final = "01"

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""The variables that name a collector; without one of them there are no traces."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span that others are below: its trace and its own id, in hexadecimal digits."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a ``traceparent``; None if it is none, which is to be passed over."""
        found = _FORM.fullmatch(text)
        return cls(found["trace"], found["span"], found["flags"]) if found else None

    @classmethod
    def of_run(cls, run_id: UUID) -> Self:
        """Give that of a run that nobody gave one: all attempts of it are one trace.

        A digest, as a sampler wants the digits to be random, and not all of a UUID's are.
        """
        digest = sha256(run_id.bytes).hexdigest()
        return cls(digest[:32], digest[32:48])

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def is_collector_named(environment: Mapping[str, str]) -> bool:
    """Tell whether the environment names a collector of traces."""
    return any(environment.get(name) for name in ENDPOINTS)


def variables_of_runners(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables by which the operator's runners send their spans where it sends its own.

    Who may read Jobs reads them there: neither headers are passed on nor a URL with a password.
    """
    passed = (*ENDPOINTS, "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG")
    values = {name: environment.get(name, "") for name in passed}
    return {name: value for name, value in values.items() if value and "@" not in value}


def trace_id_of(run_id: UUID, traceparent: str, environment: Mapping[str, str]) -> str:
    """Give the id of a run's trace; empty if it has none."""
    given = TraceContext.parse(traceparent)
    if given is not None:
        return given.trace_id
    return TraceContext.of_run(run_id).trace_id if is_collector_named(environment) else ""
