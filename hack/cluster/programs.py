"""Run other programs: quietly, or long ones with their log in a file and a sign of life."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.cluster.errors import ClusterError

_TAIL_LINES = 20
_SIGN_OF_LIFE_SECONDS = 15.0


def say(text: str) -> None:
    """Tell the person at the terminal, on standard error: standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def run(
    argv: Sequence[object],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end and return its standard output; each word is written as text.

    Raises
    ------
    ClusterError
        It is not there, ended with another code than 0, or took longer than `timeout` seconds.
    """
    words = [str(word) for word in argv]
    shown = " ".join(words[:6])
    try:
        done = subprocess.run(
            words,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=env,
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]}: no such program") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"`{shown}` did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        said = last_lines(done.stderr or done.stdout)
        raise ClusterError(f"`{shown}` failed with exit code {done.returncode}:\n{said}")
    return done.stdout


def run_logged(
    title: str,
    argv: Sequence[object],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long program with its output in `log`, saying every 15 s for how long it has run.

    Raises
    ------
    ClusterError
        It failed; the message has the end of the log and its path.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"{title} ...")
    began = time.monotonic()
    with log.open("w") as out:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
        )
        try:
            while (code := _wait(child, _SIGN_OF_LIFE_SECONDS)) is None:
                say(f"  {title}: {elapsed(began)}")
        except BaseException:  # Ctrl-C included: the child must not go on behind our back
            child.kill()
            child.wait()
            raise
    if code != 0:
        said = last_lines(log.read_text(errors="replace"))
        raise ClusterError(f"{title} failed with exit code {code}; the log is {log}:\n{said}")
    say(f"{title}: done after {elapsed(began)}")


def elapsed(since: float) -> str:
    """Time since a monotonic instant, as a person writes it."""
    seconds = round(time.monotonic() - since)
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004


def last_lines(text: str) -> str:
    """Return the end of a text, where programs put the reason."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-_TAIL_LINES:])


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
