"""A real ext4 in a file, whose power can be cut: mounted, shut down by the kernel's own call, mounted again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from files.needs import need, need_program, need_root

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN: _IOR('X', 125, __u32)
MODES = {"journal flushed": 1, "journal lost": 2}
"""What becomes of changes of names that no sync has asked for. Content that nobody synced may be lost either way."""
_SIZE = 16 * 1024 * 1024


class Image:
    """A disk as it was saved, and the same disk in use."""

    def __init__(self, directory: Path) -> None:
        need_root()
        self.at = directory / "mounted"
        self.root = self.at / "store"
        self._saved, self._used = directory / "saved", directory / "used"
        self.at.mkdir(parents=True)

    @classmethod
    def made(cls, directory: Path) -> Image:
        """A disk with nothing on it."""
        image = cls(directory)
        image._used.touch()
        os.truncate(image._used, _SIZE)
        _require(need_program("mkfs.ext4"), "-q", "-F", "-b", "4096", "-E", "nodiscard", image._used)
        image.save()
        return image

    def copied(self, directory: Path) -> Image:
        """Another disk, as this one was saved."""
        image = Image(directory)
        shutil.copyfile(self._saved, image._used)
        image.save()
        return image

    def save(self) -> None:
        """Keep the disk, which is not mounted, as it is now."""
        shutil.copyfile(self._used, self._saved)

    def restore(self) -> None:
        """Have the disk, which is not mounted, as it was saved."""
        self._used.unlink()  # a new file, in case that the kernel still knows the old one
        shutil.copyfile(self._saved, self._used)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """The disk in use; the kernel replays its journal if the power was cut."""
        need(_run("mount", "-t", "ext4", "-o", "loop", self._used, self.at), "needs the right to mount an ext4 image")
        try:
            yield
        finally:
            if not _run("umount", self.at):
                _require("umount", "-l", self.at)
                raise AssertionError(f"{self.at} was still in use")

    def cut(self, mode: str) -> None:
        """From now on nothing reaches the disk."""
        fd = os.open(self.at, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", MODES[mode]))
        finally:
            os.close(fd)


def _run(*command: object) -> bool:
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0


def _require(*command: object) -> None:
    assert _run(*command), command
