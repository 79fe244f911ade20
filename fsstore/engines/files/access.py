"""Reading one file of a store: patiently, also through an open commit, with the error that says what is wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fsstore import values
from fsstore.engine import UNREADABLE, Capabilities, Content
from fsstore.engines.files import failures, folding, layout
from fsstore.engines.files.atomic import READ, Tree, read_descriptor
from fsstore.engines.files.consistent import Consistency
from fsstore.engines.files.intents import NOTHING_OPEN, Intents, Overlay
from fsstore.engines.files.journal import Journal
from fsstore.engines.files.listing import Listings
from fsstore.engines.files.places import Place, Places
from fsstore.engines.files.rules import NamespaceRules
from fsstore.engines.files.runs import Runs
from fsstore.engines.files.sidecars import Sidecars
from fsstore.engines.files.stripes import Stripes
from fsstore.errors import StoreError, StoreMissing
from fsstore.revisions import revision as revision_of

MISSING_FILE = (FileNotFoundError, NotADirectoryError)
NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_PATIENCE = 0.05  # seconds: how long a file somebody is writing in place may take to become whole
NOTHING: Any = object()
_T = TypeVar("_T")


class FileAccess:
    """One store's directory, and what it takes to read one file of it."""

    def __init__(self, tree: Tree, marker: layout.Marker, stripes: Stripes) -> None:
        self.capabilities = Capabilities()
        self.place = tree.root
        self._tree = tree
        self._limit = marker.max_value_bytes
        self._folds = folding.folds_names(tree)
        self._places = Places(tree, folds=self._folds)
        self._known = self._places.known
        self._sidecars = Sidecars(tree, self._limit)
        self._rules = NamespaceRules(tree)
        self._runs = Runs(tree)
        self._journal = Journal(tree, self._runs.oldest, stripes.own)
        self._listings = Listings(tree)
        self._gate = stripes.gate
        self._intents = Intents(tree)
        self._consistency = Consistency(stripes.gate, self._intents, self._journal)
        self._closed = False

    def _late(
        self,
        namespace: str,
        key: str,
        path: str,
        decode: Callable[[bytes], Any],
        overlay: Overlay = NOTHING_OPEN,
    ) -> Any:
        """The value at a path, `NOTHING`, or the error of reading it; waits for a file that is being written."""
        try:
            return self._patiently(path, lambda: self._load(path, decode, overlay))[1]
        except MISSING_FILE:
            return NOTHING
        except (OSError, values.Malformed) as error:
            told = self._reading(error, namespace, key, path)
            return told if decode is values.decode else Content(told, self._revision_of_bad(path))

    def _load(
        self, path: str, decode: Callable[[bytes], Any], overlay: Overlay = NOTHING_OPEN
    ) -> tuple[bytes, Any, os.stat_result]:
        """Bytes, value and status of one file, by one descriptor."""
        fd = overlay.open(self._tree, path)
        try:
            raw = read_descriptor(fd, self._limit)
            return raw, decode(raw), os.fstat(fd)
        finally:
            os.close(fd)

    def _revision_of_bad(self, path: str) -> str:
        try:
            return revision_of(self._tree.read(path, self._limit))
        except OSError:
            return UNREADABLE

    def _patiently(self, path: str, load: Callable[[], _T]) -> _T:
        """Load a file again that makes no sense, while it is so young that somebody may still be writing it."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return load()
            except values.Malformed:
                if time.monotonic() > until or not self._is_young(path):
                    raise
            time.sleep(0.002)

    def _is_young(self, path: str) -> bool:
        try:
            return abs(time.time() - self._tree.stat(path).st_mtime) < _PATIENCE
        except OSError:
            return True

    def _walk(self, root: str, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, str]]:
        return iter(()) if self._is_others(root) else self._listings.walk(root, prefix, after)

    def _find(self, namespace: str, key: str) -> Place:
        try:
            if (place := self._known.get((namespace, key))) is not None:
                return place
        except TypeError:  # what cannot be hashed is no str: `find` says so
            pass
        self._require_open()
        return self._places.find(namespace, key)

    def _is_others(self, path: str) -> bool:
        """Whether what lies at this path has, on a folding file system, another name."""
        return self._folds and folding.other_name(self._tree, path) is not None

    def _absolute(self, path: str) -> str:
        return f"{self._tree.root}/{path}"

    def _reading(self, error: OSError | values.Malformed, namespace: str, key: str, path: str) -> StoreError:
        return failures.reading(error, namespace, key, self._absolute(path), self._limit)

    def _failing(self, path: str) -> contextlib.AbstractContextManager[None]:
        """What the operating system says of this path, said as a `StoreError`; `Closed` after `close`."""
        self._require_open()
        return failures.told(self._absolute(path))

    def _require_open(self) -> None:
        if self._closed:
            raise failures.closed(self._tree.root)

    def _require_store(self) -> None:
        """Tell a key that is not there from a store that is not there (moved, unmounted, deleted)."""
        self._require_open()
        try:
            os.close(self._tree.open(layout.MARKER, READ))
        except OSError as error:
            if error.errno not in NO_DIRECTORY:  # it is there, whatever it is
                return
            raise StoreMissing(
                f"{self._tree.root} is a store no more: its {layout.MARKER} is gone. Was it moved, deleted or "
                f"unmounted? Bring it back, or open the store where it is now.",
                path=self._tree.root,
            ) from None

    def _nothing(self, nothing: _T) -> _T:
        self._require_store()
        return nothing
