"""A file system in memory that forgets at a power cut what nobody synced; and the cut can come at any change.

It is strict: content is durable only by a sync of its file, a name only by a sync of its directory. A program of
its own: ``python -m faults.cutfs MOUNTPOINT``. Its file ``.ctl`` takes commands: ``save`` (this is how all begins,
and it is durable), ``restore``, ``arm N`` (the N-th change from now fails, and so does all after it), ``cut MODE``, and
``dump DIRECTORY`` (copy what is left to another file system, where looking at it is quick). Reading it gives the
number of changes since ``arm``.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mfusepy  # type: ignore[import-untyped]
from files.memfs import MemoryFiles, Node, serve

CONTROL = "/.ctl"
MODES = ("drop", "meta", "torn")
"""Everything unsynced is lost; names are kept and content is lost; names are kept and half of the content."""

Memory = tuple[bytes, dict[str, tuple[str, Node]]]


class CutNode(Node):
    """A file or directory, and what of it is durable."""

    def __init__(self, mode: int) -> None:
        super().__init__(mode)
        self.durable: Memory = (b"", {})
        self.saved: Memory = (b"", {})

    def now(self) -> Memory:
        """Content and entries."""
        return bytes(self.data), dict(self.entries)

    def become(self, memory: Memory) -> None:
        """Have this content and these entries."""
        self.data[:] = memory[0]
        self.entries = dict(memory[1])


class CuttableFiles(MemoryFiles):
    """The operations, counted."""

    kind = CutNode

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        self.cut_at = 0
        self.is_cut = False

    def change(self) -> None:
        """Count a change, or refuse it: the power is gone."""
        self.changes += 1
        if self.cut_at and self.changes >= self.cut_at:
            self.is_cut = True
        self.require_power()

    def require_power(self) -> None:
        """Nothing works without it."""
        if self.is_cut:
            raise mfusepy.FuseOSError(errno.EIO)

    def command(self, words: list[str]) -> None:
        """Do what was written to the control file."""
        if words[0] == "arm":
            self.changes, self.cut_at = 0, int(words[1])
        elif words[0] == "cut":
            self._each(lambda node: node.become(_left(node, words[1])))
            self._each(lambda node: setattr(node, "durable", node.now()))
            self.cut_at, self.is_cut = 0, False
        elif words[0] == "save":
            self._each(lambda node: setattr(node, "durable", node.now()))
            self._each(lambda node: setattr(node, "saved", node.now()))
        elif words[0] == "dump":
            _dump(self.root, Path(words[1]), {})
        elif words[0] == "restore":
            self._each(lambda node: node.become(node.saved))
            self._each(lambda node: setattr(node, "durable", node.saved))

    def _each(self, act: Callable[[Any], None]) -> None:
        todo, done = [self.root], set()
        while todo:
            node = todo.pop()
            if id(node) not in done:
                done.add(id(node))
                act(node)
                todo += [below for _, below in node.entries.values()]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path == CONTROL:
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": 20, "st_ino": 1}
        self.require_power()
        found: dict[str, Any] = super().getattr(path, fh)
        return found

    def open(self, path: str, flags: int) -> int:
        if path == CONTROL:
            return 0
        self.require_power()
        return super().open(path, flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if path == CONTROL:
            return str(self.changes).encode()[offset:]
        self.require_power()
        return super().read(path, size, offset, fh)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        if path == CONTROL:
            self.command(data.decode().split())
            return len(data)
        self.change()
        return super().write(path, data, offset, fh)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        if path == CONTROL:
            return 0
        self.change()
        return super().truncate(path, length, fh)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.change()
        node: Any = self.open_nodes[fh]
        node.durable = (bytes(node.data), node.durable[1])
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self.change()
        node: Any = self.open_nodes[fh]
        node.durable = (node.durable[0], dict(node.entries))
        return 0


def _dump(node: Node, to: Path, made: dict[int, Path]) -> None:
    if stat.S_ISDIR(node.mode):
        to.mkdir(exist_ok=True)
        for name, below in node.entries.values():
            _dump(below, to / name, made)
    elif id(node) in made:
        to.hardlink_to(made[id(node)])
        return
    else:
        to.write_bytes(node.data)
        made[id(node)] = to
    os.utime(to, ns=(node.atime, node.mtime))


def _left(node: CutNode, mode: str) -> Memory:
    content, entries = node.durable
    if mode == "drop":
        return content, entries
    return _half(bytes(node.data), content) if mode == "torn" else content, dict(node.entries)


def _half(new: bytes, old: bytes) -> bytes:
    """The content when half of what was written since has reached the disk."""
    if new == old:
        return new
    changed = [at for at in range(0, len(new), 64) if new[at : at + 64] != old[at : at + 64]]
    middle = (changed[0] + min(changed[-1] + 64, len(new))) // 2 if changed else len(new)
    return new[:middle] + old[middle:]


def _counted(name: str) -> Callable[..., Any]:
    sound = getattr(MemoryFiles, name)

    def operation(self: CuttableFiles, *args: Any) -> Any:
        self.change()
        return sound(self, *args)

    return operation


for _name in ("create", "mkdir", "unlink", "rmdir", "rename", "link", "chmod", "chown"):
    setattr(CuttableFiles, _name, _counted(_name))


if __name__ == "__main__":
    serve(CuttableFiles(), sys.argv[1])
