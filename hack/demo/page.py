"""The act in which somebody is paged."""

import tempfile
from pathlib import Path
from typing import Final

from hack.cluster.errors import ClusterError
from hack.cluster.paths import cache_from
from hack.demo.errors import DemoError
from hack.demo.evidence import NAMESPACE, expect
from hack.demo.setting import SYSTEM_NAMESPACE
from hack.demo.shell import Shell
from hack.demo.terminal import Terminal
from hack.monitoring.chain import await_true, monitoring
from hack.monitoring.pager import Page

_ALERT: Final = {"alertname": "MigrationFailed", "namespace": NAMESPACE, "name": "broken"}
_PAGED_WITHIN_SECONDS: Final = 60.0


def show_page(shell: Shell, terminal: Terminal) -> None:
    """Let Prometheus scrape the operator and Alertmanager page, and show both.

    Raises
    ------
    DemoError
        If no page comes, or it does not say what is wrong.
    """
    terminal.step("The page", "Prometheus and Alertmanager with the chart's alerts.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            page = _receive(shell, Path(folder))
        except ClusterError as error:
            raise DemoError(str(error)) from error
    for kind in ("labels", "annotations"):
        for name, value in page[kind].items():
            terminal.output(f"{name}: {value}")
    expect("the page names the reason", holds=page["labels"]["reason"] == "StatementFailed")
    terminal.good("one page, with the resource, the reason and the runbook")


def _receive(shell: Shell, folder: Path) -> Page:
    with monitoring(cache_from(), shell.env, SYSTEM_NAMESPACE, folder) as watched:
        received = watched.pager.received
        await_true("a page", lambda: received("firing", **_ALERT), seconds=_PAGED_WITHIN_SECONDS)
        shell.run(f"promtool query instant {watched.prometheus} 'ALERTS{{name=\"broken\"}}'")
        [(_, page)] = received("firing", **_ALERT)
        return page
