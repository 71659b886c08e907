"""Disks so small that a test can fill them: memory, mounted by root for as long as it is needed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgres.servers import give_to_server_user, unmount

_BLOCK = b"\0" * 4096


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system."""

    root: Path

    @property
    def free(self) -> int:
        """Bytes that still fit."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def fill(self, *, leaving: int) -> None:
        """Take all but so many bytes, to the next page."""
        with self._ballast.open("ab") as file:
            while self.free >= leaving + len(_BLOCK):
                file.write(_BLOCK)
                file.flush()

    def clear(self) -> None:
        """Give back what was taken."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.root / "ballast"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of its own on a new folder; whatever happens, it is unmounted at the end."""
    folder.mkdir()
    options = f"size={megabytes}m,mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        give_to_server_user(folder)
        yield SmallDisk(folder)
    finally:
        unmount(folder)
