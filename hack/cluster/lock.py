"""Only one at a time starts or stops the cluster."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.errors import UnmetNeedError
from hack.cluster.programs import say


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold an exclusive lock, which the kernel releases however this process ends (flock(2)).

    Raises
    ------
    UnmetNeedError
        The lock's folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = file.open("a")
    except OSError as error:
        raise UnmetNeedError(
            f"cannot write to {file.parent} ({error.strerror}): make it yours, or set "
            "MESHMIGRATE_CACHE to another folder"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another one that holds {file}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
