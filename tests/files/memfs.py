"""A file system in memory, to be served by FUSE: POSIX as far as a store needs it. Others change parts of it."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import Any

import mfusepy  # type: ignore[import-untyped]


class Node:
    """A file or directory."""

    @staticmethod
    def compared(name: str) -> str:
        """The form in which names are compared."""
        return name

    def __init__(self, mode: int) -> None:
        self.mode = mode
        self.owner = (os.getuid(), os.getgid())
        self.data = bytearray()
        self.entries: dict[str, tuple[str, Node]] = {}
        self.links = 1
        self.mtime = self.ctime = self.atime = time.time_ns()

    def touch(self) -> None:
        """The content changed."""
        self.mtime = self.ctime = max(time.time_ns(), self.ctime + 1)

    def find(self, name: str) -> Node:
        """The entry of that name, or of one that counts as the same."""
        if not stat.S_ISDIR(self.mode):
            raise mfusepy.FuseOSError(errno.ENOTDIR)
        try:
            return self.entries[self.compared(name)][1]
        except KeyError:
            raise mfusepy.FuseOSError(errno.ENOENT) from None

    def put(self, name: str, node: Node) -> None:
        """Make an entry; one of the same name gives way, but its spelling stays."""
        kept = self.entries.get(self.compared(name), (name, node))[0]
        self.entries[self.compared(name)] = (kept, node)
        self.touch()

    def drop(self, name: str) -> Node:
        """Take an entry away."""
        node = self.find(name)
        del self.entries[self.compared(name)]
        self.touch()
        return node


class MemoryFiles(mfusepy.Operations):  # type: ignore[misc]
    """The operations the kernel asks for."""

    use_ns = True
    kind = Node

    def __init__(self) -> None:
        self.root = self.kind(stat.S_IFDIR | 0o755)
        self.open_nodes: dict[int, Node] = {}
        self.handles = 0

    def _node(self, path: str) -> Node:
        node = self.root
        for name in filter(None, path.split("/")):
            node = node.find(name)
        return node

    def _parent(self, path: str) -> tuple[Node, str]:
        parent, _, name = path.rpartition("/")
        return self._node(parent), name

    def _handle(self, node: Node) -> int:
        self.handles += 1
        self.open_nodes[self.handles] = node
        return self.handles

    def _make(self, path: str, mode: int) -> Node:
        parent, name = self._parent(path)
        if parent.compared(name) in parent.entries:
            raise mfusepy.FuseOSError(errno.EEXIST)
        node = self.kind(mode)
        parent.put(name, node)
        return node

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        node = self._node(path) if fh is None else self.open_nodes[fh]
        return {
            "st_mode": node.mode,
            "st_nlink": node.links,
            "st_size": len(node.data),
            "st_uid": node.owner[0],
            "st_gid": node.owner[1],
            "st_mtime": node.mtime,
            "st_ctime": node.ctime,
            "st_atime": node.atime,
            "st_ino": id(node),
        }

    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        node = self.open_nodes[fh]
        entries = [(".", node), ("..", node), *node.entries.values()]
        return [(name, {"st_ino": id(below), "st_mode": below.mode}, 0) for name, below in entries]

    def create(self, path: str, mode: int, fi: object = None) -> int:
        return self._handle(self._make(path, stat.S_IFREG | mode))

    def open(self, path: str, flags: int) -> int:
        node = self._node(path)
        if flags & os.O_TRUNC:
            node.data.clear()
            node.touch()
        return self._handle(node)

    def opendir(self, path: str) -> int:
        return self._handle(self._node(path))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self.open_nodes[fh].data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        node = self.open_nodes[fh]
        node.data.extend(bytes(max(0, offset - len(node.data))))
        node.data[offset : offset + len(data)] = data
        node.touch()
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        node = self._node(path) if fh is None else self.open_nodes[fh]
        node.data[:] = node.data[:length].ljust(length, b"\0")
        node.touch()
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self._make(path, stat.S_IFDIR | mode)
        return 0

    def unlink(self, path: str) -> int:
        parent, name = self._parent(path)
        if stat.S_ISDIR(parent.find(name).mode):
            raise mfusepy.FuseOSError(errno.EISDIR)
        parent.drop(name).links -= 1
        return 0

    def rmdir(self, path: str) -> int:
        parent, name = self._parent(path)
        if parent.find(name).entries:
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)
        parent.drop(name)
        return 0

    def rename(self, old: str, new: str, flags: int = 0) -> int:
        parent, name = self._parent(old)
        node = parent.find(name)
        target_parent, target_name = self._parent(new)
        there = target_parent.entries.get(parent.compared(target_name))
        if there is not None and there[1].entries:
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)
        if there is not None and there[1] is not node:
            there[1].links -= 1
        parent.drop(name)
        target_parent.put(target_name, node)
        return 0

    def link(self, target: str, source: str) -> int:
        node = self._node(source)
        parent, name = self._parent(target)
        if parent.compared(name) in parent.entries:
            raise mfusepy.FuseOSError(errno.EEXIST)
        parent.put(name, node)
        node.links += 1
        return 0

    def chmod(self, path: str, mode: int) -> int:
        node = self._node(path)
        node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        node.ctime = time.time_ns()
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        node = self._node(path)
        node.owner = (node.owner[0] if uid < 0 else uid, node.owner[1] if gid < 0 else gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        node = self._node(path)
        node.atime, node.mtime = times or (time.time_ns(),) * 2
        node.ctime = time.time_ns()
        return 0

    def release(self, path: str, fh: int) -> int:
        self.open_nodes.pop(fh, None)
        return 0

    def releasedir(self, path: str, fh: int) -> int:
        return self.release(path, fh)

    def statfs(self, path: str) -> dict[str, int]:
        return {"f_bsize": 4096, "f_blocks": 1 << 20, "f_bavail": 1 << 20, "f_bfree": 1 << 20, "f_namemax": 255}


def serve(files: MemoryFiles, mountpoint: str, *, use_ino: bool = True) -> None:
    """Serve until unmounted. Nothing is cached in the kernel, and one request is served at a time."""
    mfusepy.FUSE(
        files,
        mountpoint,
        foreground=True,
        nothreads=True,
        use_ino=use_ino,
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
        direct_io=True,
    )
