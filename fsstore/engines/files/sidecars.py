"""What callers gave beside a value: one JSON file per key that has any, next to nothing for those without."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from fsstore import values
from fsstore.engines.files import failures, layout
from fsstore.engines.files.atomic import DIRECTORY, Tree, read_descriptor
from fsstore.engines.files.intents import NOTHING_OPEN, Overlay
from fsstore.engines.files.places import Place
from fsstore.errors import BadValue
from fsstore.ops import too_large
from fsstore.records import seconds_of, timestamp

_T = TypeVar("_T")
_BELIEVED = 0.05  # seconds
_NONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_NAMESPACES = 10_000
_TOGETHER = 1.0  # seconds: more than lie between the two files of one write
# Namespaces' directories seen without any sidecar, and until when that is believed; for the whole process,
# so that what one handle writes the others see at once.
_bare: dict[bytes, list[float]] = {}
_furnished: dict[bytes, float] = {}
"""Those seen with some. To believe it for too long costs a look for a sidecar that is not there."""
_RULES = f"/{os.path.basename(layout.RULES)}".encode()

_KEYS = 50_000
_Mark = tuple[int, int, int, int]
_NO_MARK: _Mark = (0, 0, 0, 0)


class Keep(Enum):
    """Instead of the time when a key ends."""

    END = "as it was"


REMOVE = b""
"""Instead of a sidecar's new content: there must be none."""


class Sidecars:
    """The sidecars of a store. One without its value's file counts as absent."""

    def __init__(self, tree: Tree, limit: int) -> None:
        self._tree = tree
        self._limit = limit
        self._ends: dict[bytes, tuple[_Mark, float | None]] = {}
        """When keys end by themselves, by sidecars that were read."""

    def may_exist(self, place: Place) -> bool:
        """Whether any key of the namespace may have a sidecar. What other processes begin is seen within 50 ms."""
        now = time.monotonic()
        if (known := _bare.get(place.directory)) is not None and known[0] > now:
            return False
        if _furnished.get(place.directory, 0.0) > now:
            return True
        until = [0.0]  # it is in its place before the look: who writes a sidecar meanwhile takes it away
        _note(_bare, place.directory, until)
        if self._tree.exists(place.metadata) and not self._has_rules_alone(place):
            _bare.pop(place.directory, None)
            _note(_furnished, place.directory, now + _BELIEVED)
            return True
        until[0] = now + _BELIEVED
        return False

    def _has_rules_alone(self, place: Place) -> bool:
        """Whether the rules of the namespace are all that lies where sidecars would."""
        if not self._tree.exists(place.metadata + _RULES):
            return False
        try:
            fd = self._tree.open(place.metadata, DIRECTORY)
            try:
                with os.scandir(fd) as entries:
                    return all(os.fsencode(entry.name) == _RULES[1:] for entry in entries)
            finally:
                os.close(fd)
        except OSError:
            return False

    def present(self, place: Place) -> bool:
        """Whether the key has a sidecar; what lies behind a link is none.

        Raises `Blocked` for a directory, and what the system says where it cannot be told: then none is left behind.
        """
        if not self._tree.exists(place.sidecar):
            return False
        parent, _, name = place.sidecar.rpartition(b"/")
        try:
            at = self._tree.open_handle(parent)
            try:
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
            finally:
                os.close(at)
        except OSError as error:
            if error.errno not in _NONE:
                raise
            return False
        if stat.S_ISDIR(status.st_mode):
            raise failures.blocked(place.namespace, place.key, os.fsdecode(place.sidecar))
        return True

    def appeared(self, place: Place) -> None:
        """A sidecar was written."""
        _bare.pop(place.directory, None)

    def metadata(self, place: Place, overlay: Overlay = NOTHING_OPEN) -> dict[str, Any]:
        """The metadata of a key that exists. Raises `BadValue` for a damaged sidecar."""
        found: dict[str, Any] = self._read(place, overlay).get("metadata", {})
        return found

    def expires(self, place: Place, overlay: Overlay = NOTHING_OPEN) -> float | None:
        """When the key ends by itself, in seconds since the epoch. A damaged sidecar ends nothing."""
        path = place.sidecar
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            if not overlay.paths:
                return None
            mark = _NO_MARK
        else:
            mark = status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
            if not overlay.paths and (known := self._ends.get(path)) is not None and known[0] == mark:
                return known[1]
        try:
            found = end_of(self._read(place, overlay))
        except BadValue:
            return None
        if not overlay.paths and abs(time.time() - mark[2] / 1e9) > _BELIEVED:  # younger, it may be written again
            if len(self._ends) >= _KEYS:
                self._ends.clear()
            self._ends[path] = mark, found
        return found

    def is_over(self, place: Place, overlay: Overlay = NOTHING_OPEN) -> bool:
        """Whether the key has ended by itself."""
        end = self.expires(place, overlay)
        return end is not None and time.time() >= end

    def is_outlived(self, place: Place, status: os.stat_result) -> bool:
        """Whether the file of a key that has ended was written after its end, by somebody who did not know of that.

        What fsstore sets anew has its sidecar written anew, or removed, at the same time.
        """
        end = self.expires(place)
        if end is None or status.st_mtime <= end:
            return False
        try:
            beside = os.stat(place.sidecar, follow_symlinks=False)
        except OSError:
            return False
        return status.st_mtime > beside.st_mtime + _TOGETHER

    def merged(
        self, place: Place, given: Mapping[str, Any] | None, expires: float | Keep | None, *, exists: bool
    ) -> bytes | None:
        """The content that the sidecar gets when its key is set; ``None`` to leave it, `REMOVE` to remove it."""
        try:
            old = self._read(place) if exists else {}
        except BadValue:
            if given or expires is not None:
                raise
            return None  # it ends nothing
        new = {**old, "metadata": {**old.get("metadata", {}), **given}} if given else dict(old)
        if not isinstance(expires, Keep):
            new.pop("expires", None)
            if expires is not None:
                new["expires"] = timestamp(expires)
        if values.encode(new) == values.encode(old):
            # What a vanished record left behind must not come back to life with a new one.
            return REMOVE if not exists and self.present(place) else None
        if not any(new.values()):
            return REMOVE
        return self._weighed(place, values.encode(new))

    def _weighed(self, place: Place, raw: bytes) -> bytes:
        if len(raw) > self._limit:  # it could not be read again
            what = f"the metadata of key {place.key!r} of namespace {place.namespace!r}"
            raise too_large(len(raw), self._limit, what)
        return raw

    def _read(self, place: Place, overlay: Overlay = NOTHING_OPEN) -> dict[str, Any]:
        try:
            fd = overlay.open(self._tree, self._tree.relative(place.sidecar))
            try:
                return parse(read_descriptor(fd, self._limit))
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, values.Malformed) as error:
            path = os.fsdecode(place.sidecar)
            raise failures.reading(
                error, place.namespace, place.key, path, self._limit, failures.MEND_SIDECAR
            ) from None


def _note(known: dict[bytes, _T], directory: bytes, what: _T) -> None:
    if len(known) >= _NAMESPACES:
        known.clear()
    known[directory] = what


def parse(raw: bytes) -> dict[str, Any]:
    """The content of a sidecar. Raises `Malformed`."""
    found = values.decode(raw)
    if not isinstance(found, dict) or not isinstance(found.get("metadata", {}), dict):
        raise values.Malformed('it should read {"metadata": {...}}')
    if "expires" in found:
        end_of(found)
    return found


def end_of(sidecar: Mapping[str, Any]) -> float | None:
    """When its key ends by itself, in seconds since the epoch. Raises `Malformed`."""
    found = sidecar.get("expires")
    if found is None:
        return None
    try:
        return seconds_of(found)
    except (TypeError, ValueError, OverflowError):
        reason = f'"expires" is a time such as "2030-01-31T12:00:00+00:00"; not {values.brief(found, 40)}'
        raise values.Malformed(reason) from None
