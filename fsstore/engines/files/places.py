"""Where one key lives on disk: the paths that operations on it need, worked out once. It touches no disk."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.folding import fold
from fsstore.engines.files.gate import COUNT
from fsstore.keys import encode_key, encode_namespace, require_short

_CACHED = 50_000
_META = f"/{layout.META}".encode()


class Place(NamedTuple):
    """The paths of one key; all in bytes are absolute."""

    namespace: str
    key: str
    path: str
    """The value's file, relative to the store."""
    absolute: bytes
    """The same."""
    parent: bytes
    """The directory of the file."""
    name: bytes
    """The file's name in it."""
    directory: bytes
    """The directory of the namespace."""
    stripe: int
    """The lock and journal that it shares with other keys."""

    @property
    def names(self) -> tuple[str, str, str]:
        """Namespace, key and path: what a message names."""
        return self.namespace, self.key, self.path

    @property
    def metadata(self) -> bytes:
        """The directory of all sidecars of the namespace."""
        return self.directory + _META

    @property
    def sidecar(self) -> bytes:
        """The metadata's file: the same way below `metadata` as the value's below the namespace."""
        return self.directory + _META + self.absolute[len(self.directory) :]


class Places:
    """The places of a store's keys; those used lately are remembered."""

    def __init__(self, tree: Tree, *, folds: bool) -> None:
        self._tree = tree
        self._folds = folds
        self._roots: dict[str, tuple[str, bytes]] = {}
        """Directories of namespaces, relative and absolute."""
        self.known: dict[tuple[str, str], Place] = {}

    def find(self, namespace: str, key: str) -> Place:
        """The place of a key. Raises `InvalidName`."""
        try:
            place = self.known.get((namespace, key))
        except TypeError:  # what cannot be hashed is no str
            encode_key(key)
            raise
        if place is None:
            if len(self.known) >= _CACHED:
                self.known.clear()
                self._roots.clear()
            place = self.known[namespace, key] = self._make(namespace, key)
        return place

    def _make(self, namespace: str, key: str) -> Place:
        found = self._roots.get(namespace)  # once: another thread may forget all of them at any time
        if found is None:
            root = encode_namespace(namespace)
            found = self._roots[namespace] = (root, self._tree.absolute(root))
        root, directory = found
        path = f"{root}/{encode_key(key)}"
        require_short(path, namespace, key)
        absolute = self._tree.absolute(path)
        parent, _, name = absolute.rpartition(b"/")
        return Place(namespace, key, path, absolute, parent, name, directory, self.stripe(path))

    def stripe(self, path: str) -> int:
        """The lock of a key by its path: keys that a folding file system takes for one share it."""
        return zlib.crc32((fold(path) if self._folds else path).encode("utf-8", "surrogateescape")) % COUNT
