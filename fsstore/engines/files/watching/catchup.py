"""What a watcher that comes, or comes back, has to be told first: how the store differs from what it knew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fsstore import values
from fsstore.engines.files import failures
from fsstore.engines.files.atomic import READ, Tree, read_descriptor
from fsstore.engines.files.journal import Line, writer
from fsstore.engines.files.watching.directories import NO_SIGNATURE, SIGNATURE, Directory, signature
from fsstore.engines.files.watching.scan import SCARCE
from fsstore.events import ENDED, REVISION, UNKNOWN, UNREADABLE, Event, Kind, Told
from fsstore.keys import path_of
from fsstore.records import Author
from fsstore.revisions import revision as revision_of

_Gone = tuple[str, str, str, bytes]  # namespace, key, path, and the mark that the watcher had
_Ended = tuple[str, str, bytes]
Lines = Callable[[list[str]], dict[str, list[Line]]]
_PERSON = Author(by_hand=True)
_YOUNG = 0.4  # seconds: what makes no sense, and is no older, may still become whole
_BATCH = 1000


class Found(NamedTuple):
    """A key that may be another than it was."""

    namespace: str
    key: str
    directory: Directory
    name: str
    old: bytes | None
    """The mark that the watcher had of it."""


class CatchUp:
    """The comparison of a store with what one watcher knew of it."""

    def __init__(self, tree: Tree, limit: int, directories: dict[str, Directory], lines: Lines) -> None:
        """``lines`` gives the journals' lines of some paths."""
        self._tree, self._limit, self._directories, self._lines = tree, limit, directories, lines
        self.doubtful: list[str] = []
        """Paths of files that are to be looked at again: they are changing just now."""
        self.strange: dict[tuple[str, str], bytes] = {}
        """The marks that the watcher had of them; empty where it had none."""

    def told(self, namespace: str | None) -> Told:
        """All that is known."""
        found: Told = {}
        for directory in self._directories.values():
            if directory.namespace is not None and namespace in (None, directory.namespace):
                of_namespace = found.setdefault(directory.namespace, {})
                for key, name in directory.named():
                    if mark := directory.known(name):
                        of_namespace[key] = mark
        return {name: marks for name, marks in found.items() if marks}

    def events(self, namespace: str | None, since: Told) -> Iterator[Event]:
        """What differs. Revisions that the watcher knew are learned from it."""
        changed, gone, ended = self._differing(namespace, since)
        for name, key, old in ended:
            yield Event("expired", name, key, None, b"", old, Author(), time.time())
        for start in range(0, len(changed), _BATCH):
            piece = changed[start : start + _BATCH]
            lines = self._lines([found.directory.prefix + found.name for found in piece])
            for found in piece:
                yield from self._event(found, lines.get(found.directory.prefix + found.name, []))
        for start in range(0, len(gone), _BATCH):
            some = gone[start : start + _BATCH]
            lines = self._lines([path for _, _, path, _ in some])
            for name, key, path, old in some:
                yield _deleted(name, key, old, lines.get(path, []))

    def _differing(self, namespace: str | None, since: Told) -> tuple[list[Found], list[_Gone], list[_Ended]]:
        changed: list[Found] = []
        ended: list[_Ended] = []
        left = {name: dict(marks) for name, marks in since.items() if namespace in (None, name)}
        nothing: dict[str, bytes] = {}
        for directory in list(self._directories.values()):
            name = directory.namespace
            if name is None or namespace not in (None, name):
                continue
            known, files = left.get(name, nothing), directory.files
            for key, file in directory.named():
                old, mark = known.pop(key, None), files[file]
                if mark[SIGNATURE:] == ENDED:
                    if old is not None:
                        ended.append((name, key, old))
                    continue
                if old is not None and mark[SIGNATURE:] == UNKNOWN:  # so it is of nearly all after a start
                    signed = old[:SIGNATURE]
                    if mark.startswith(signed) and len(old) > REVISION and signed != NO_SIGNATURE:
                        files[file] = old
                        continue
                if old is None or not _is_same(old, mark):
                    changed.append(Found(name, key, directory, file, old))
        gone = [(name, key, path_of(name, key), mark) for name, marks in left.items() for key, mark in marks.items()]
        return changed, gone, ended

    def _event(self, found: Found, lines: list[Line]) -> Iterator[Event]:
        directory, name = found.directory, found.name
        path, raw = directory.prefix + name, b""
        try:
            fd = self._tree.open(path, READ)
            try:
                status = os.fstat(fd)
                raw = read_descriptor(fd, self._limit)
                now = signature(os.fstat(fd))
            finally:
                os.close(fd)
            value = values.decode(raw)
        except (OSError, values.Malformed) as error:
            yield from self._bad(found, error, raw)
            return
        revision = revision_of(raw)
        mark = now + bytes.fromhex(revision)
        if now != signature(status) or not _is_same(directory.files.get(name, b""), mark):
            self._doubt(found)
            return
        directory.files[name] = mark
        if found.old is not None and found.old[-REVISION:] == mark[-REVISION:]:
            return
        line = writer(lines, revision, status.st_mtime)
        at, source = (status.st_mtime, _PERSON) if line is None else (line.time, line.author)
        kind: Kind = "created" if found.old is None else "updated"
        commit = None if line is None else line.commit
        yield Event(kind, found.namespace, found.key, value, mark, found.old or b"", source, at, commit)

    def _bad(self, found: Found, error: OSError | values.Malformed, raw: bytes) -> Iterator[Event]:
        """It cannot be read: told, unless it is so young that it may be half written, or is gone."""
        directory, name = found.directory, found.name
        path = directory.prefix + name
        mark = directory.files.get(name)
        try:
            status = self._tree.stat(path)
        except OSError:
            mark = None
        if mark is None or (isinstance(error, values.Malformed) and abs(time.time() - status.st_mtime) < _YOUNG):
            self._doubt(found)
            return
        if isinstance(error, OSError) and error.errno in SCARCE:  # it says nothing of the file
            self._doubt(found)
            return
        revision = UNREADABLE if isinstance(error, OSError) else bytes.fromhex(revision_of(raw))
        if signature(status) != mark[:SIGNATURE]:  # it is not what was looked at
            self._doubt(found)
            return
        mark = directory.files[name] = mark[:SIGNATURE] + revision
        told = failures.reading(error, found.namespace, found.key, f"{self._tree.root}/{path}", self._limit)
        old = found.old or b""
        yield Event("invalid", found.namespace, found.key, None, mark, old, _PERSON, status.st_mtime, error=told)

    def _doubt(self, found: Found) -> None:
        """It changes just now: what comes of it is told to all, and if it is what the others know already."""
        directory, name = found.directory, found.name
        if name in directory.files:
            directory.files[name] = NO_SIGNATURE + UNKNOWN
        self.doubtful.append(directory.prefix + name)
        self.strange[found.namespace, found.key] = found.old or b""


def _is_same(old: bytes, mark: bytes) -> bool:
    """Whether two marks are of the same content, as far as they can tell."""
    was, now = old[-REVISION:], mark[-REVISION:]
    if was not in (UNKNOWN, UNREADABLE) and now not in (UNKNOWN, UNREADABLE):
        return was == now
    return len(old) > REVISION and old[:SIGNATURE] == mark[:SIGNATURE] != NO_SIGNATURE


def _deleted(namespace: str, key: str, old: bytes, lines: list[Line]) -> Event:
    line = lines[-1] if lines and lines[-1].revision is None else None
    if line is None:
        return Event("deleted", namespace, key, old_mark=old, source=_PERSON, at=time.time())
    return Event("deleted", namespace, key, None, b"", old, line.author, line.time, line.commit)
