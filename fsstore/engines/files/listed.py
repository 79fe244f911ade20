"""Which keys there are: listings, without those that have ended by themselves. It reads no value."""

from __future__ import annotations

import contextlib
import os

from fsstore import values
from fsstore.engines.files import layout
from fsstore.engines.files.access import MISSING_FILE, NOTHING, FileAccess
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.intents import NOTHING_OPEN, Overlay
from fsstore.engines.files.places import Place
from fsstore.keys import encode_namespace
from fsstore.records import Usage

ALL = range(COUNT)
"""The stripes of all keys."""


class ListedReading(FileAccess):
    """What can be asked of a store in a directory by those who want names."""

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is anything where the key's file would lie."""
        place = self._find(namespace, key)
        overlay = self._consistency.overlay(place.stripe)
        if self._has_ended(place, overlay):  # first: it is removed last
            return False
        if place.path in overlay.paths:
            return self._late(namespace, key, place.path, values.decode, overlay) is not NOTHING
        try:
            parent = self._tree.open_handle(place.parent)
        except MISSING_FILE:
            self._require_store()
            return False
        except OSError as error:
            raise self._reading(error, namespace, key, place.path) from error
        try:
            os.stat(place.name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._reading(error, namespace, key, place.path) from error
        finally:
            os.close(parent)
        return not self._is_others(place.path)

    def keys(self, namespace: str, prefix: str = "") -> list[str]:
        """The sorted keys, from directories listed again only where they changed."""
        path = encode_namespace(namespace)
        with self._failing(path):
            counters = self._gate.read()
            is_quiet = self._gate.is_quiet(counters)
            # First: who removes what has ended removes its end last.
            ended = self._ended(namespace, prefix, NOTHING_OPEN if is_quiet else self._intents.overlay(ALL))
            found = [] if self._is_others(path) else self._listings.keys(path, prefix)
            if not is_quiet:
                found = self._corrected(namespace, prefix, found)
            if ended:
                found = [key for key in found if key not in ended]
        return found or self._nothing(found)

    def _corrected(self, namespace: str, prefix: str, listed: list[str]) -> list[str]:
        """A listing as open commits will leave it."""
        overlay = self._intents.overlay(ALL)
        names = set(listed)
        for of_namespace, key, path in overlay.keys:
            if of_namespace == namespace and key.startswith(prefix):
                (names.discard if overlay.paths[path] is None else names.add)(key)
        return sorted(names)

    def _has_ended(self, place: Place, overlay: Overlay = NOTHING_OPEN) -> bool:
        return self._rules.may_expire(place.namespace) and self._sidecars.is_over(place, overlay)

    def _ended(self, namespace: str, prefix: str, overlay: Overlay = NOTHING_OPEN) -> set[str]:
        """The keys that have ended by themselves, and have files still."""
        if not self._rules.may_expire(namespace):
            return set()
        beside = set(self._listings.keys(f"{encode_namespace(namespace)}/{layout.META}", prefix))
        for path in overlay.paths:
            of_namespace, key, is_metadata = layout.record_of(path)
            if is_metadata and of_namespace == namespace and key is not None and key.startswith(prefix):
                beside.add(key)
        return {key for key in beside if self._sidecars.is_over(self._places.find(namespace, key), overlay)}

    def ended(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """The keys that have ended by themselves, and whose files are there still."""
        with self._failing(""):
            names = [name for name, _ in self._listings.namespaces()] if namespace is None else [namespace]
            return sorted((name, key) for name in names for key in self._listed_and_ended(name))

    def _listed_and_ended(self, namespace: str) -> set[str]:
        ended = self._ended(namespace, "")
        listed = self._listings.keys(encode_namespace(namespace), "") if ended else []
        return {key for key in listed if key in ended and not self._is_outlived(self._places.find(namespace, key))}

    def _is_outlived(self, place: Place) -> bool:
        try:
            return self._sidecars.is_outlived(place, os.stat(place.absolute, follow_symlinks=False))
        except OSError:
            return False

    def usage(self, namespace: str) -> Usage:
        """Number and total size of the files of a namespace."""
        root = encode_namespace(namespace)
        count = size = 0
        with self._failing(root):
            ended = self._ended(namespace, "")
            for key, path in self._walk(root):
                if key in ended:
                    continue
                with contextlib.suppress(*MISSING_FILE):
                    size += self._tree.stat(path).st_size
                    count += 1
            if not count:
                self._require_store()
        return Usage(1 if count else 0, count, size)

    def namespaces(self) -> list[str]:
        """Namespaces with at least one key."""
        with self._failing(""):
            counters = self._gate.read()
            found = sorted(name for name, path in self._listings.namespaces() if self._holds_keys(name, path))
            if not self._gate.is_quiet(counters):
                changing = {namespace for namespace, _, _ in self._intents.overlay(ALL).keys}
                found = sorted(set(found) - changing | {name for name in changing if self.keys(name)})
        return found or self._nothing(found)

    def _holds_keys(self, namespace: str, path: str) -> bool:
        try:
            return self._listings.any_key(path) and not (self._rules.may_expire(namespace) and not self.keys(namespace))
        except PermissionError:  # not for us, like lost+found at the top of a disk; it must not hide the others
            return False
