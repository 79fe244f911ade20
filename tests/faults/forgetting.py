"""A mounted disk whose power can be cut: what is told to its file system (`cutfs`), and what is left on it."""

from __future__ import annotations

import shutil
from pathlib import Path


class Disk:
    """A mounted file system whose power can be cut."""

    def __init__(self, at: Path) -> None:
        self.root = at / "store"
        self._control = at / ".ctl"
        self._copy = at.parent / "copy"

    def tell(self, command: str) -> None:
        """Give the file system a command."""
        self._control.write_text(command)

    def copied(self) -> Path:
        """A copy of the store, elsewhere."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self.tell(f"dump {self._copy}")
        return self._copy / "store"

    @property
    def changes(self) -> int:
        """Changes since the last ``arm``."""
        return int(self._control.read_text().strip("\0"))


def empty(disk: Disk) -> None:
    """Power on, nothing stored."""
    disk.tell("arm 0")
    disk.tell("cut meta")
    shutil.rmtree(disk.root, ignore_errors=True)
    disk.tell("save")
