"""Where one key lives on disk: every path that an operation on it needs, worked out once. It touches no disk."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.folding import fold
from fsstore.engines.files.stripes import COUNT
from fsstore.keys import encode_key, encode_namespace, require_short

_CACHED = 50_000


class Place(NamedTuple):
    """The paths of one key."""

    namespace: str
    key: str
    path: str
    """The value's file, relative to the store."""
    absolute: bytes
    parent: bytes
    """The directory of the file, absolute."""
    name: bytes
    """The file's name in it."""
    sidecar: str
    """The metadata's file, relative to the store."""
    sidecar_absolute: bytes
    metadata: bytes
    """The directory of all sidecars of the namespace, absolute."""
    stripe: int
    """The lock and journal that it shares with other keys."""


class Places:
    """The places of a store's keys; those used lately are remembered."""

    def __init__(self, tree: Tree, *, folds: bool) -> None:
        self._tree = tree
        self._folds = folds
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
            place = self.known[namespace, key] = self._make(namespace, key)
        return place

    def _make(self, namespace: str, key: str) -> Place:
        directory = encode_namespace(namespace)
        file = encode_key(key)
        path = f"{directory}/{file}"
        require_short(path, namespace, key)
        absolute = self._tree.absolute(path)
        parent, _, name = absolute.rpartition(b"/")
        metadata = f"{directory}/{layout.META}"
        sidecar = f"{metadata}/{file}"
        # Keys that a folding file system takes for one must share a lock.
        stripe = zlib.crc32((fold(path) if self._folds else path).encode()) % COUNT
        to_bytes = self._tree.absolute
        return Place(
            namespace, key, path, absolute, parent, name, sidecar, to_bytes(sidecar), to_bytes(metadata), stripe
        )
