"""A person with programs that know nothing of fsstore: editors, each with its way to save a file, and sed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from .disk import path_of
from .values import checked, text_of

_CREATE = os.O_WRONLY | os.O_CREAT
_SAME = 30_000
"""Bytes of the files that are overwritten without becoming shorter."""


class Person:
    """Somebody who edits files, each one a file of their own."""

    def __init__(self, root: str, number: int) -> None:
        self.id = number
        self._root = root
        self._draw = random.Random(number)
        self._count = 1_000_000 * number
        self._open: list[tuple[int, bytes]] = []

    def next(self, namespace: str, key: str, size: int = 50) -> tuple[str, dict[str, Any]]:
        """The path of a key's file, whose directory is there, and the next value of the key."""
        self._count += 1
        path = path_of(self._root, namespace, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path, checked(key, self._count, None, size)

    def edits(self, editor: str, count: int, keys: int = 40) -> None:
        """So many saves with this editor, over so many files, each twice as long or half as long as before."""
        for number in range(count):
            key = f"{self.id}:k{number % keys}"
            getattr(self, editor)(editor, key, self._draw.choice((50, 200, 2000, 20000)))

    # -- editors -----------------------------------------------------------------------------------

    def replace(self, namespace: str, key: str, size: int = 50) -> None:
        """Save into a temporary file beside it, and rename that: most programs that take care."""
        path, value = self.next(namespace, key, size)
        with open(f"{path}.tmp", "wb") as file:
            file.write(text_of(value))
        os.replace(f"{path}.tmp", path)

    def vscode(self, namespace: str, key: str, size: int = 50) -> None:
        """Truncate the file, and write it anew in pieces."""
        path, value = self.next(namespace, key, size)
        fd = os.open(path, _CREATE | os.O_TRUNC, 0o644)
        for piece in self._pieces(text_of(value)):
            os.write(fd, piece)
        os.close(fd)

    def vim(self, namespace: str, key: str, size: int = 50) -> None:
        """Swap file, probe, the old file becomes a backup, a new one is written, the backup goes."""
        path, value = self.next(namespace, key, size)
        directory, name = os.path.split(path)
        swap, probe = f"{directory}/.{name}.swp", f"{directory}/4913"
        for made in (swap, probe):
            os.close(os.open(made, _CREATE))
        os.unlink(probe)
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, f"{path}~")
        fd = os.open(path, _CREATE | os.O_TRUNC, 0o644)
        for piece in self._pieces(text_of(value)):
            os.write(fd, piece)
        os.fsync(fd)
        os.close(fd)
        os.chmod(path, 0o644)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}~")
        os.unlink(swap)

    def emacs(self, namespace: str, key: str, size: int = 50) -> None:
        """Lock by a dangling link; the backup is made by renaming or by copying, and stays."""
        path, value = self.next(namespace, key, size)
        directory, name = os.path.split(path)
        lock = f"{directory}/.#{name}"
        os.symlink(f"ann@host.{os.getpid()}:1", lock)
        if os.path.exists(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}~")
            if self._draw.random() < 0.5:
                os.rename(path, f"{path}~")
            else:
                shutil.copyfile(path, f"{path}~")
        fd = os.open(path, _CREATE | os.O_TRUNC, 0o644)
        for piece in self._pieces(text_of(value)):
            os.write(fd, piece)
        os.fsync(fd)
        os.close(fd)
        os.unlink(lock)

    def sed(self, namespace: str, key: str, size: int = 50) -> None:
        """Let sed replace the only line."""
        path, value = self.next(namespace, key, min(size, 2000))
        if not os.path.exists(path):
            self.vscode(namespace, key, 10)
            path, value = self.next(namespace, key, min(size, 2000))
        subprocess.run(["sed", "-i", f"1c\\{text_of(value).decode().rstrip()}", path], check=True)

    def over(self, namespace: str, key: str, size: int = 50) -> None:
        """Write over the file, which keeps its size: each mixture of old and new is JSON."""
        path, value = self.next(namespace, key, min(size, 20_000))
        raw = text_of(value, _SAME)
        fd = os.open(path, _CREATE, 0o644)
        for at in range(0, _SAME, 8192):
            os.pwrite(fd, raw[at : at + 8192], at)
            self._pause()
        os.close(fd)

    # -- half a save -------------------------------------------------------------------------------

    def begin(self, namespace: str, key: str, *, whole: bool = False) -> None:
        """Write the first half of a save in place, and leave the file open; see `finish`.

        ``whole``: what is there then is JSON too, half of the old value and half of the new one.
        """
        path, value = self.next(namespace, key, 500)
        raw = text_of(value, 2000)
        fd = os.open(path, _CREATE | (0 if whole else os.O_TRUNC), 0o644)
        os.write(fd, raw[:400])
        self._open.append((fd, raw[400:]))

    def finish(self) -> None:
        """Write the other half of the save that was begun first."""
        fd, rest = self._open.pop(0)
        os.write(fd, rest)
        os.close(fd)

    # -- many at once ------------------------------------------------------------------------------

    def deep(self, count: int) -> None:
        """So many files, each in directories that are made for it; each third is saved again at once."""
        for number in range(count):
            for _ in range(2 if number % 3 == 0 else 1):
                self.replace(f"deep{self.id}", f"a{number % 50}:b{number}:c{number % 3}:d:leaf")

    def replaces(self, count: int, keys: int) -> None:
        """So many renames over so many files in fifty directories, the same way round each time."""
        for number in range(count):
            self.replace("replaced", f"{self.id}:n{number % 50}:k{number % keys}")

    def beside_agents(self, count: int) -> None:
        """Edits of keys that agents set too, with one editor after the other."""
        editors = (self.replace, self.vscode, self.emacs, self.vim)
        for number in range(count):
            editors[number % 4]("shared", f"k{self._draw.randrange(50)}")

    def fill(self, namespace: str, prefix: str, count: int) -> None:
        """New files, whose names begin like this."""
        for number in range(count):
            self.replace(namespace, f"{prefix}{number}")

    def remove(self, namespace: str, prefix: str, count: int) -> None:
        """Remove what `fill` made."""
        for number in range(count):
            os.unlink(path_of(self._root, namespace, f"{prefix}{number}"))

    def _pieces(self, raw: bytes) -> Iterator[bytes]:
        at = sorted(self._draw.sample(range(1, len(raw)), 2))
        yield raw[: at[0]]
        self._pause()
        yield raw[at[0] : at[1]]
        self._pause()
        yield raw[at[1] :]

    def _pause(self) -> None:
        if self._draw.random() < 0.5:
            time.sleep(self._draw.random() * 0.003)
