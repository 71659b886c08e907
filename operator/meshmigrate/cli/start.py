"""Starting a run: what ``apply`` and ``runner`` have in common."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.errors import MigrationError, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunIdentity, RunSpec
from meshmigrate.engine.activity import Activity
from meshmigrate.engine.clock import SystemClock
from meshmigrate.engine.early import Known, end_early
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.events import Event, EventName, Events, UntilBroken
from meshmigrate.engine.monitor import monitoring
from meshmigrate.engine.run import Tools, run
from meshmigrate.engine.stop import stop_on_signals

Start = Callable[[RunSpec, ConnectionParameters, Tools], Ending]
"""What begins a run: the engine's ``run``, or another way to use a connection."""


def carry_out(
    spec: RunSpec,
    read_url: Callable[[], str],
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

    def tell(message: str) -> None:
        events(Event(name=EventName.STOPPING, message=message, warning=True))

    stop = stop_on_signals(tell, lambda error: show(refuse(spec.run, error, events)))
    try:
        parameters = parse_database_url(read_url())
    except MigrationError as error:
        ending = refuse(spec.run, error, events)
    else:
        activity = Activity()
        watch = partial(monitoring, lambda: parameters, activity, events) if watched else None
        tools = Tools(
            clock=SystemClock(stop), stop=stop, events=events, activity=activity, watch=watch
        )
        ending = start(spec, parameters, tools)
    stop.end()
    show(ending)
    return ending


def refuse(identity: RunIdentity, error: MigrationError, events: Events) -> Ending:
    """Give the end of an attempt that did not come as far as connecting."""
    return end_early(Known(identity=identity, events=events), error)


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
            hint="Check that the Secret exists and has the key that holds the URL.",
        ) from None
    if not text.strip():
        raise Refusal(
            Reason.CREDENTIALS_MISSING,
            f"the file with the database URL is empty: {path}",
            hint="Put the URL into the Secret: postgres://user:password@host:port/dbname.",
        )
    return text
