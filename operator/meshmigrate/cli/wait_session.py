"""What ``wait`` does once it is clear that the Kubernetes client is there."""

import asyncio
import signal
import sys
import time
from functools import partial
from typing import NoReturn

import click

from meshmigrate.cli.answer import tell_problem
from meshmigrate.cli.wait_answer import make_answer, show_answer
from meshmigrate.cli.wait_view import WaitView, choose_view
from meshmigrate.controller.await_end import CannotLook, Waited, await_end
from meshmigrate.controller.user_access import NoCluster, user_access
from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders


def wait_and_exit(
    name: str,
    *,
    namespace: str | None,
    context: str | None,
    timeout_seconds: float,
    folders: Folders | None,
    as_json: bool,
) -> NoReturn:
    """Wait, show what became of it, and exit with the code that stands for it."""
    view = choose_view(as_json=as_json)
    try:
        place, waited = asyncio.run(_wait(name, namespace, context, timeout_seconds, view))
    except (NoCluster, CannotLook) as error:
        raise click.UsageError(str(error)) from error
    except asyncio.CancelledError:
        stopped = Interruption(
            Reason.TERMINATED,
            "asked to stop; the run goes on in the cluster",
            hint=f"Wait again: `meshmigrate wait {name}`.",
        )
        tell_problem(stopped, as_json=as_json)
        sys.exit(stopped.outcome.exit_code)
    finally:
        view.close()
    answer = make_answer(waited, place, name, folders)
    show_answer(answer, folders, as_json=as_json)
    sys.exit(answer.exit_code)


async def _wait(
    name: str, namespace: str | None, context: str | None, timeout_seconds: float, view: WaitView
) -> tuple[str, Waited]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
    # Whoever started this may have blocked them, and that is inherited.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    async with user_access(context) as access:
        place = namespace or access.namespace
        waited = await await_end(
            partial(access.read, place, name),
            view,
            timeout_seconds=timeout_seconds,
            clock=time.monotonic,
            pause=asyncio.sleep,
        )
        return place, waited
