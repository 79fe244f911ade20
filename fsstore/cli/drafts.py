"""A text that a person edits: a file of its own outside the store, and the editor that opens it. It knows no value.

What was typed is never thrown away by anybody but who says so: the file goes only by `Draft.discard`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile

from fsstore.cli import children
from fsstore.cli.arguments import UsageError


class EditorFailed(Exception):
    """The editor could not be started, or said that it failed: nothing is to be stored."""


class Draft:
    """The file that is edited."""

    def __init__(self, name: str, raw: bytes, store: str) -> None:
        """Nobody else may read it. ``name`` is the file's; ``store`` is the directory that it must not lie in."""
        place = os.path.realpath(tempfile.gettempdir())
        if os.path.commonpath([place, os.path.realpath(store)]) == os.path.realpath(store):
            raise UsageError(f"temporary files would lie in the store, in {place}; set TMPDIR to another directory")
        self._directory = tempfile.mkdtemp(prefix="fsstore-edit-")
        self.path = os.path.join(self._directory, name)
        self._first = raw
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)

    def edit(self) -> bytes:
        """Open the editor and wait for its end: what the file holds then. Raises `EditorFailed`."""
        command = _editor()
        # As git does, as it may have arguments, or quotes. A shell that stays would die of what is typed to the editor.
        stays = any(char in command for char in ";|&=\n")
        words = ["sh", "-c", f'{"" if stays else "exec "}{command} "$@"', command, self.path]
        status = children.run(words, os.environ, stdout=1 if os.isatty(1) else 2)  # what it draws is no data
        if status:
            hint = "; $VISUAL or $EDITOR names the one to use" if status in (126, 127) else ""
            raise EditorFailed(f"the editor {command!r} failed with status {status}{hint}")
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise EditorFailed(f"what the editor wrote cannot be read: {self.path}: {error.strerror}") from None

    @property
    def is_touched(self) -> bool:
        """Does it hold anything but what it held at first?"""
        with contextlib.suppress(OSError), open(self.path, "rb") as file:
            return file.read() != self._first
        return False

    def discard(self) -> None:
        """Remove it, with what the editor has left beside it."""
        shutil.rmtree(self._directory, ignore_errors=True)


def _editor() -> str:
    """The person's editor, as a shell command. Raises `UsageError` where none can be meant."""
    for name in ("VISUAL", "EDITOR"):
        if command := os.environ.get(name, "").strip():
            return command
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to edit on; $VISUAL or $EDITOR may name a program that needs none")
    return "vi"
