"""Starting a run: what ``apply`` and ``runner`` have in common."""

import gc
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.errors import MigrationError, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import TLS, RunIdentity, RunSpec
from meshmigrate.domain.tls import with_tls
from meshmigrate.domain.trace_context import TraceContext
from meshmigrate.engine.activity import Activity
from meshmigrate.engine.clock import SystemClock
from meshmigrate.engine.connect import Credentials
from meshmigrate.engine.early import Known, end_early
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.events import Event, EventName, Events, UntilBroken
from meshmigrate.engine.monitor import monitoring
from meshmigrate.engine.run import run
from meshmigrate.engine.stop import stop_on_signals
from meshmigrate.engine.tools import Tools
from meshmigrate.observe.traces import Attributes, recording, span

Start = Callable[[RunSpec, Credentials, Tools], Ending]
"""What begins a run: the engine's ``run``, or another way to use a connection."""


def carry_out(
    spec: RunSpec,
    credentials: Credentials,
    events: Events,
    show: Callable[[Ending], None],
    start: Start = run,
    *,
    watched: bool = True,
) -> Ending:
    """Run a spec, stopping in order on SIGTERM and SIGINT, and show how it ended.

    Parameters
    ----------
    show
        Shows the end, also one that could not be waited for.
    watched
        Whether anybody sees the events.
    """
    events = UntilBroken(events)
    gc.freeze()

    def tell(message: str) -> None:
        events(Event(name=EventName.STOPPING, message=message, warning=True))

    stop = stop_on_signals(
        tell, lambda error: show(refuse(spec.run, error, events)), only_connects=True
    )
    activity = Activity()
    watch = partial(monitoring, credentials, activity, events) if watched else None
    tools = Tools(clock=SystemClock(stop), stop=stop, events=events, activity=activity, watch=watch)
    # Not before the signals are held: recording has a thread of its own.
    with recording(TraceContext.of_run(spec.run.id)):
        parent = TraceContext.parse(traceparent_of(spec))
        with span("run", lambda: _told_of(spec), parent=parent) as run_span:
            ending = start(spec, credentials, tools)
            run_span.tell({"meshmigrate.outcome": ending.outcome})
            if not ending.outcome.succeeded:
                run_span.fail(ending.outcome)
        stop.end()
        show(ending)
    return ending


def traceparent_of(spec: RunSpec) -> str:
    """Give the span that a run is below: the spec says it, or whoever started the command."""
    return spec.traceparent or os.environ.get("TRACEPARENT", "")


def _told_of(spec: RunSpec) -> Attributes:
    return {
        "db.system.name": "postgresql",
        "meshmigrate.run.id": str(spec.run.id),
        "meshmigrate.run.attempt": spec.run.attempt,
        "meshmigrate.run.intent": spec.run.intent,
        **({"meshmigrate.resource": spec.resource} if spec.resource else {}),
    }


def refuse(identity: RunIdentity, error: MigrationError, events: Events) -> Ending:
    """Give the end of an attempt that did not come as far as connecting."""
    return end_early(Known(identity=identity, events=events), error)


def read_credentials(read_text: Callable[[], str], tls: TLS) -> ConnectionParameters:
    """Read the URL, and what is said beside it.

    Raises
    ------
    Refusal
        Whatever is wrong with them.
    """
    return with_tls(parse_database_url(read_text()), tls)


def read_url_file(path: Path) -> str:
    """Read the file that a Secret is mounted as.

    Raises
    ------
    Refusal
        ``CredentialsMissing`` or ``InvalidDatabaseURL``.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Refusal(
            Reason.INVALID_DATABASE_URL,
            "the file with the database URL is not UTF-8",
            hint="Store the URL as text: postgres://user:password@host:port/dbname.",
        ) from None
    except OSError as error:
        raise Refusal(
            Reason.CREDENTIALS_MISSING,
            f"the file with the database URL cannot be read: {path}: {error.strerror}",
            hint="Check the path; in a cluster, that the Secret exists and has the key for it.",
        ) from None
    if not text.strip():
        raise Refusal(
            Reason.CREDENTIALS_MISSING,
            f"the file with the database URL is empty: {path}",
            hint="Put the URL into it, in a cluster into its Secret: "
            "postgres://user:password@host:port/dbname.",
        )
    return text
