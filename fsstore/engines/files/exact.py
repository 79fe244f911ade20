"""Reading the very bytes of keys' files with what lies beside them: for whoever takes records elsewhere."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence

from fsstore import values
from fsstore.engine import Stored
from fsstore.engines.files.access import MISSING_FILE, FileAccess
from fsstore.engines.files.intents import Overlay
from fsstore.engines.files.places import Place
from fsstore.errors import StoreError
from fsstore.keys import encode_namespace
from fsstore.ops import MISSING

_PIECE = 256
"""So many keys of a stream are read at one instant."""


class ExactReading(FileAccess):
    """What can be asked of a store in a directory by those who want bytes."""

    def stored(self, namespace: str, keys: Sequence[str]) -> dict[str, Stored | StoreError]:
        """The bytes, the value and what lies beside it of those keys that exist, in their order."""
        places = {key: self._find(namespace, key) for key in keys}
        by_path = {place.path: key for key, place in places.items()}
        by_path |= {self._tree.relative(place.sidecar): key for key, place in places.items()}
        found = self._consistency.view(
            sorted({place.stripe for place in places.values()}),
            lambda overlay: self._all_stored(places.values(), overlay),
            by_path.get,
            lambda some, overlay: self._all_stored([places[key] for key in some], overlay),
        )
        if not found:
            self._require_store()
        return {key: found[key] for key in places if key in found}

    def scan_stored(
        self, namespace: str, prefix: str = "", after: str | None = None
    ) -> Iterator[tuple[str, Stored | StoreError]]:
        """The same of all keys that start with ``prefix`` and lie past ``after``, in order, a few hundred at a time."""
        root = encode_namespace(namespace)
        with self._failing(root):
            names = (key for key, _ in self._walk(root, prefix, after))
            while piece := list(itertools.islice(names, _PIECE)):
                yield from self.stored(namespace, piece).items()
            self._require_store()

    def _all_stored(self, places: Iterable[Place], overlay: Overlay) -> dict[str, Stored | StoreError]:
        out: dict[str, Stored | StoreError] = {}
        for place in places:
            try:
                stored = self._stored(place, overlay)
            except StoreError as error:
                out[place.key] = error
            else:
                if stored is not None:
                    out[place.key] = stored
        return out

    def _stored(self, place: Place, overlay: Overlay) -> Stored | None:
        path = place.path
        try:
            try:
                raw, value, _ = self._patiently(path, lambda: self._load(path, values.decode, overlay))
            except values.Malformed:  # it is as it is, then
                raw, value = self._load(path, bytes, overlay)[0], MISSING
        except MISSING_FILE:
            return None
        except OSError as error:
            raise self._reading(error, place.namespace, place.key, path) from None
        if self._is_others(path):
            return None
        end = self._sidecars.expires(place, overlay) if self._rules.may_expire(place.namespace) else None
        if end is not None and time.time() >= end:
            return None
        return Stored(raw, value, self._sidecars.metadata(place, overlay), end)
