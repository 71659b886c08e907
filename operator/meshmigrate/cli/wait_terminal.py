"""What ``wait`` shows on a terminal."""

from rich.console import Console
from rich.text import Text

from meshmigrate.cli.wait_view import progress_lines, state_line
from meshmigrate.controller.awaited_run import Look


class TerminalWaitView:
    """One place that tells where the resource is and what its run is at."""

    def __init__(self, console: Console | None = None) -> None:
        self._status = (console or Console()).status("asking the cluster")
        self._status.start()

    def look(self, look: Look) -> None:
        """Show the resource."""
        lines = (state_line(look), *(f"  {line}" for line in progress_lines(look.progress)))
        self._status.update(Text("\n".join(lines)))

    def no_answer(self, why: str) -> None:
        """Show that the API server did not answer."""
        self._status.update(Text(f"{why}; asking again", style="yellow"))

    def close(self) -> None:
        """Leave the screen to the answer."""
        self._status.stop()
