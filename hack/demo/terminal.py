"""What the person at the terminal reads: numbered steps, commands and their real output."""

from typing import TextIO

from hack.demo.errors import DemoError

_BOLD, _DIM, _GREEN, _RED, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


class Terminal:
    """Writes to ``out``; colours only where it is a terminal.

    Parameters
    ----------
    secrets
        What must never be written: a program that prints one of them fails the demo.
    """

    def __init__(self, out: TextIO, *, secrets: tuple[str, ...] = ()) -> None:
        self._out = out
        self._secrets = secrets
        self._colours = out.isatty()
        self._steps = 0

    def step(self, title: str, why: str) -> None:
        """Begin the next numbered step."""
        self._steps += 1
        self._write(f"\n{self._paint(_BOLD, f'{self._steps}. {title}')}\n   {why}\n")

    def command(self, text: str) -> None:
        """Show a command as it would be typed."""
        self._write(self._paint(_BOLD, f"   $ {text}"))

    def output(self, line: str) -> None:
        """Show a line that a program printed.

        Raises
        ------
        DemoError
            If the line has a secret in it; the line is not shown.
        """
        if any(secret in line for secret in self._secrets):
            raise DemoError("a program printed the password; its line is not shown here")
        self._write(self._paint(_DIM, f"   {line}"))

    def note(self, text: str) -> None:
        """Say something about what was just seen."""
        self._write(f"   {text}")

    def good(self, text: str) -> None:
        """Say what was checked and is as promised."""
        self._write(self._paint(_GREEN, f"   ok: {text}"))

    def bad(self, text: str) -> None:
        """Say what is not as promised."""
        self._write(f"\n{self._paint(_RED, f'FAILED: {text}')}")

    def _write(self, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, "********")
        print(text, file=self._out, flush=True)

    def _paint(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colours else text
