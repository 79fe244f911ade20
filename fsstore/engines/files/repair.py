"""Mends what the doctor found, where that is safe: no value is changed, and nothing that somebody wrote is removed.

Everything is done under the lock of the key, after a second look, and by a rename that never replaces anything.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from fsstore import values
from fsstore.engines.files import folding, layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.doctor import exists, one_meaning
from fsstore.engines.files.leftovers import stripe_of
from fsstore.engines.files.places import Places
from fsstore.errors import InvalidName, StoreError
from fsstore.records import Finding

LOST = f"{layout.RUNTIME}/lost"
"""Where what has no place in the store any more is kept, under the path that it had."""

_libc = ctypes.CDLL(None, use_errno=True)
_NO_REPLACE = ctypes.c_uint(1)
_ATTEMPTS = 10

Hold = Callable[[list[int]], AbstractContextManager[object]]


class Repair:
    """Mends findings of one store."""

    def __init__(
        self,
        tree: Tree,
        limit: int,
        places: Places,
        hold: Hold,
        finish_dead: Callable[[list[int]], None],
        *,
        folds: bool,
    ) -> None:
        """``hold`` locks stripes; ``finish_dead`` finishes and sweeps what was left by those who had them."""
        self._tree = tree
        self._limit = limit
        self._places = places
        self._hold = hold
        self._finish_dead = finish_dead
        self._folds = folds
        self._mends = {
            "leftover": self._clear_away,
            "orphaned-metadata": self._set_aside,
            "not-canonical": self._rename,
        }

    def mended(self, finding: Finding) -> Finding:
        """The finding, with what was done about it; unchanged where nothing could be done safely."""
        mend = self._mends.get(finding.problem)
        if mend is None:
            return finding
        try:
            return finding._replace(repair=mend(finding.path))
        except OSError as error:
            if isinstance(error, StoreError):
                raise  # the locks, not this file
            return finding._replace(detail=f"{finding.detail} Not mended: {error.strerror or error}.")

    def _clear_away(self, path: str) -> str:
        stripe = stripe_of(path)
        for _ in range(_ATTEMPTS if stripe is not None else 0):
            self._finish_dead([stripe] if stripe is not None else [])
            if not os.path.lexists(f"{self._tree.root}/{path}"):
                return "finished the commit" if path.startswith(layout.COMMITS) else "removed"
        return ""

    def _set_aside(self, path: str) -> str:
        namespace, key, _ = layout.record_of(path)
        if namespace is None or key is None:
            return ""
        place = self._places.find(namespace, key)
        with self._hold([place.stripe]), self._directories() as directories:
            if exists(self._tree, place.path) or not exists(self._tree, path):
                return ""
            for number in itertools.count():
                target = f"{LOST}/{path}" + (f".{number}" if number else "")
                try:
                    self._move(path, target, directories)
                except FileExistsError:
                    continue
                return f"moved to {target}"
        return ""

    def _rename(self, path: str) -> str:
        meant = one_meaning(path)
        try:
            place = None if meant is None else self._places.find(*meant)
        except InvalidName:
            return ""
        if place is None or (self._folds and folding.other_name(self._tree, place.path) is not None):
            return ""
        with self._hold([place.stripe]), self._directories() as directories:
            try:
                values.decode(self._tree.read(path, self._limit))  # a bad file must not become a bad key
            except values.Malformed:
                return ""
            try:
                self._move(path, place.path, directories)
            except FileExistsError:
                return ""
            return f"renamed to {place.path}"

    def _move(self, path: str, target: str, directories: Directories) -> None:
        """Rename a file. Raises `FileExistsError` rather than replace another."""
        source_parent, _, source = self._tree.absolute(path).rpartition(b"/")
        parent, _, name = self._tree.absolute(target).rpartition(b"/")
        at, to = directories.find(source_parent), directories.make(parent)
        directories.emptied.update((source_parent, parent))
        if not hasattr(_libc, "renameat2"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), path)
        if _libc.renameat2(at, source, to, name, _NO_REPLACE) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)

    @contextmanager
    def _directories(self) -> Iterator[Directories]:
        directories = Directories(self._tree)
        try:
            yield directories
        finally:
            directories.prune()
            directories.close()
