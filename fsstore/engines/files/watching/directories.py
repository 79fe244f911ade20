"""What is known of a store's directories: of each file a mark of the content that was told. It looks at none."""

from __future__ import annotations

import os
import struct

from fsstore import keys
from fsstore.events import ENDED, UNREADABLE
from fsstore.keys import ROOT, Level

_SIGNATURE = struct.Struct("=QqqQ")
SIGNATURE = _SIGNATURE.size
"""Bytes of a file's signature, which a mark begins with."""
NO_SIGNATURE = bytes(SIGNATURE)
"""In the mark of a file whose content is known, but not its status."""


def signature(status: os.stat_result, pack: struct.Struct = _SIGNATURE) -> bytes:
    """Inode, times and size: as long as they are the same, so is the content."""
    return pack.pack(status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)


def modified_at(mark: bytes) -> float:
    """The modification time in a mark, in seconds since the epoch; 0.0 without a signature."""
    nanoseconds: int = _SIGNATURE.unpack_from(mark)[1]
    return nanoseconds / 1e9


class Directory:
    """One directory of the store."""

    __slots__ = ("_is_long", "below", "files", "is_namespace", "level", "namespace", "path", "prefix", "watch")

    def __init__(self, path: str, namespace: str | None, level: Level | None, *, is_namespace: bool = False) -> None:
        self.path = path
        """Relative to the store; empty for its root."""
        self.prefix = f"{path}/" if path else ""
        self._is_long = len(os.fsencode(path)) > keys.MAX_PATH - 1024  # longer than any name
        self.namespace = namespace
        self.is_namespace = is_namespace
        """Whether it is that of a whole namespace."""
        self.level = level
        """Where it is in its namespace; ``None`` where no key can lie in it."""
        self.watch = -1
        """The kernel's number for it; -1 where it does not watch it."""
        self.below: set[str] = set()
        """Names of the directories in it."""
        self.files: dict[str, bytes] = {}
        """By name, the marks of the files that are keys, or would be if their names were canonical."""

    @classmethod
    def root(cls) -> Directory:
        """The store's own."""
        return cls("", None, None)

    def child(self, name: str) -> Directory:
        """A directory in this one."""
        path = self.prefix + name
        if self.namespace is not None:
            return Directory(
                path, self.namespace, None if self.level is None else keys.decode_directory(self.level, name)
            )
        if self.path and not self.path.endswith("%"):
            return Directory(path, None, None)
        namespace = keys.decode_namespace(path)  # also of the chunks of a long name
        level = None if namespace is None else ROOT
        return Directory(path, namespace, level, is_namespace=namespace is not None)

    def is_unreadable(self, name: str) -> bool:
        """Whether a file was found that could not be read."""
        return self.files.get(name, b"").endswith(UNREADABLE)

    def known(self, name: str) -> bytes:
        """The mark of a file as it was told; empty for none, and for one whose key has ended by itself."""
        mark = self.files.get(name, b"")
        return b"" if mark.endswith(ENDED) else mark

    def key(self, name: str) -> str | None:
        """The key whose file has this name here, if it is one's."""
        if self.level is None:
            return None
        if self._is_long and len(os.fsencode(self.prefix + name)) > keys.MAX_PATH:
            return None
        return keys.decode_leaf(self.level, name)

    def named(self) -> list[tuple[str, str]]:
        """The keys in it, each with the name of its file."""
        if self.level is None:
            return []
        names = list(self.files)
        if not self._is_long:
            decoded = keys.decode_leaves(self.level, names)
            if decoded is not None:
                return list(zip(decoded, names, strict=True))
        return [(key, name) for name in names if (key := self.key(name)) is not None]
