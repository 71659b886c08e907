"""What the lines of the log are about: every line of a task says it, those of libraries too."""

from typing import Any

from structlog.contextvars import bind_contextvars, clear_contextvars

from meshmigrate.controller.observed import Key, ObservedResource


def speak_of_key(key: Key) -> None:
    """Let the lines that follow in this task name a resource, and nothing else."""
    clear_contextvars()
    bind_contextvars(resource=str(key))


def speak_of(resource: ObservedResource) -> None:
    """Let the lines that follow in this task name a resource and its run: in flight, or latest."""
    speak_of_key(resource.key)
    status = resource.status
    about: dict[str, Any] = {}
    if status.current_run is not None:
        run = status.current_run
        about = {"run_id": run.id, "run": run.number, "attempt": run.attempt}
        about["trace_id"] = run.trace_id
    elif status.last_run is not None:
        last = status.last_run
        about = {"run_id": last.id, "run": last.number, "attempt": last.attempts}
        about["trace_id"] = last.trace_id
    bind_contextvars(**{name: value for name, value in about.items() if value != ""})
