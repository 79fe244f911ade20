"""From files to changes: every file that may have changed is compared with what was told of it last.

No thread here, and no watcher: whoever uses this hands hints in and gets events out.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable

from fsstore import values
from fsstore.engines.files import failures
from fsstore.engines.files.atomic import Tree, irregular
from fsstore.engines.files.journal import CLOCK
from fsstore.engines.files.watching import held
from fsstore.engines.files.watching import inotify as hints
from fsstore.engines.files.watching.authors import Writers, Written
from fsstore.engines.files.watching.directories import NO_SIGNATURE, SIGNATURE, Directory, modified_at, signature
from fsstore.engines.files.watching.hinted import Hinted
from fsstore.engines.files.watching.scan import SCARCE
from fsstore.errors import StoreError
from fsstore.events import ENDED, REVISION, UNREADABLE, Content, Event, Kind
from fsstore.keys import path_of
from fsstore.records import Author
from fsstore.revisions import revision as revision_of

_log = logging.getLogger("fsstore")

_GONE = (FileNotFoundError, NotADirectoryError)
_PERSON = Author(by_hand=True)
_SMALL = 16384  # bytes
_TICK = 0.05  # seconds: more than one of any file system's clock
_new = tuple.__new__  # half the time of calling a named tuple


Tell = Callable[[Event], None]
"""Who takes the events."""


class Reconciler(Hinted):
    """The told state of one store, and the changes of it."""

    def __init__(
        self,
        tree: Tree,
        limit: int,
        writers: Writers,
        tell: Tell,
        notifier: hints.Inotify | None,
    ) -> None:
        """``limit`` is the largest size of a value's file. Without a notifier no hints come: `rescan` finds all."""
        super().__init__(tree, notifier, limit)
        self._limit, self._writers, self._tell = limit, writers, tell
        self._open = tree.open_file
        self._base = tree.absolute("")

    def _find_root(self) -> bool:
        is_there = super()._find_root()
        if is_there:
            self._writers.look_again()
        return is_there

    def _settle(self, path: str, mask: int) -> None:
        """Compare one file with what was told of it."""
        parent, _, name = path.rpartition("/")
        directory = self.directories.get(parent)
        if directory is None or directory.level is None:
            self.held.drop(path)  # its directory went while it waited
            return
        if self.held.paths and (hold := self.held.paths.get(path)) is not None:
            if hold.is_early(mask):
                return
            mask = hold.together(mask)
        try:
            fd = self._open(self._base + path.encode("utf-8", "surrogateescape"))
        except _GONE:
            self._absent(directory, name, mask)
            return
        except OSError as error:
            self._unreadable(directory, name, mask, error)
            return
        try:
            if (self.endings.ends or self.endings.over) and self._has_ended(directory, name, os.fstat(fd)):
                return
            if not mask & hints.MOVED_TO or not self._read_written(fd, directory, name, path):
                self._read(fd, directory, name, path, mask)
        except OSError as error:
            self._unreadable(directory, name, mask, error)
        finally:
            os.close(fd)

    def _read_written(self, fd: int, directory: Directory, name: str, path: str) -> bool:
        """Tell what was written through fsstore, as the newest line of its journal says; whether it was so.

        Then it is whole, and its status is not worth asking for: the mark that is kept has no signature, so that
        whoever looks through all files reads this one again.
        """
        raw = os.pread(fd, _SMALL, 0)  # which takes nothing out of a pipe
        if not 0 < len(raw) < _SMALL:
            return False
        revision = revision_of(raw)
        written = self._writers.newest(path, revision)
        if written is None:
            return False
        if self.held.paths:
            self.held.drop(path)
        known = directory.known(name)
        digest = bytes.fromhex(revision)
        if known[SIGNATURE:] != digest:
            directory.files[name] = mark = NO_SIGNATURE + digest
            key = directory.key(name)
            if key is not None:
                _, at, source, commit, own, _ = written
                kind = "updated" if known else "created"
                fields = (
                    kind,
                    directory.namespace,
                    key,
                    Content(raw, self._wrong),
                    mark,
                    known,
                    source,
                    at,
                    commit,
                    own,
                    None,
                    0,
                )
                self._tell(_new(Event, fields))
        return True

    def _read(self, fd: int, directory: Directory, name: str, path: str, mask: int) -> None:
        """Read one file, if its status is another than before, and tell what it holds, if that is."""
        files = directory.files
        known = directory.known(name)
        status = os.fstat(fd)
        now = signature(status)
        if known and known.startswith(now) and not known.endswith(UNREADABLE):  # its status may be of another file
            self.held.drop(path)
            return
        size = status.st_size
        if not 0 < size <= self._limit and (wrong := irregular(status.st_mode) or _too_large(size, self._limit)):
            raise wrong
        raw = _content(fd, size)
        revision = revision_of(raw)
        written = self._writers.of(path, revision, status.st_mtime)
        if written is None and not (
            self._is_in_place(path, status) and self._is_whole(path, mask, status, now, fd, len(raw))
        ):
            return
        mark = now + bytes.fromhex(revision)
        try:
            values.decode(raw)
        except values.Malformed as error:
            self._senseless(directory, name, mask, error, mark)
            return
        if self.held.paths:
            self.held.drop(path)
        if written is not None and abs(time.time() - status.st_ctime) < _TICK:
            mark = NO_SIGNATURE + mark[SIGNATURE:]  # within one tick it may change again, and its status stay the same
        files[name] = mark
        if self.is_baseline or known[SIGNATURE:] == mark[SIGNATURE:]:
            return
        key = directory.key(name)
        if key is None:
            return
        if written is None:
            at, source, commit, own = status.st_mtime, _PERSON, None, False
            self._writers.disown(path)
        else:
            _, at, source, commit, own, _ = written
        kind: Kind = "updated" if known else "created"
        namespace = directory.namespace or ""
        content = Content(raw, self._wrong)
        self._tell(Event(kind, namespace, key, content, mark, known, source, at, commit, own))

    def _wrong(self, event: Event, error: values.Malformed) -> StoreError:
        """The error for what was written through fsstore and is no value: a program may restore what a person wrote."""
        path = f"{self._tree.root}/{path_of(event.namespace, event.key)}"
        return failures.reading(error, event.namespace, event.key, path, self._limit)

    def _is_in_place(self, path: str, status: os.stat_result) -> bool:
        """Whether the file that was read is still the one under its path.

        Another one has a hint of its own; and the journal may have forgotten who wrote one that was replaced.
        """
        try:
            there = self._tree.stat(path)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (status.st_ino, status.st_dev)

    def _is_whole(self, path: str, mask: int, status: os.stat_result, now: bytes, fd: int, size: int) -> bool:
        """Whether the content that was read is all that its writer wanted to write; if not yet, the file waits.

        The last change of a file that somebody writes in place is one of its content, so that mtime is ctime. After
        a rename, or a change of its mode, it is not, and then nothing is being written.
        """
        if status.st_ctime_ns <= status.st_mtime_ns:
            age = time.time_ns() - status.st_mtime_ns
            needed = held.AFTER_CLOSE if mask & hints.WHOLE else held.SETTLED
            hold = self.held.paths.get(path)
            waited = hold is not None and hold.signature == now and time.monotonic_ns() - hold.since >= needed
            if self.held.waited(path, now) >= held.INVALID_AFTER:  # it is written again and again without a pause
                waited = True
            if age < needed and not waited:  # the clock of the day may be wrong, so that no age is ever enough
                self.held.wait(path, mask, min(needed, needed - age) + held.MILLISECOND // 3, now)
                return False
        if size != status.st_size or signature(os.fstat(fd)) != now:
            self.held.wait(path, mask, held.MILLISECOND, now)
            return False
        return True

    def _absent(self, directory: Directory, name: str, mask: int) -> None:
        """There is no such file."""
        path = directory.prefix + name
        if not self.is_there() or self._mode(path):  # or the store was away when it was not found
            self.is_root_in_doubt = True
            self._dirty.setdefault(path, mask)  # it counts if the store is back before it was missed
            return
        deleted = self._writers.of(path, None, time.time())
        if name not in directory.files:
            self.held.drop(path)
            return
        if deleted is None and mask & hints.MOVED_FROM and not mask & hints.DELETE:
            hold = self.held.paths.get(path)
            if hold is None or not hold.gone:
                self.held.wait(path, mask, held.PUT_BACK, gone=True)
                return
            if time.monotonic_ns() < hold.until:
                return
        self._tell_gone(directory, name, deleted)

    def _has_ended(self, directory: Directory, name: str, status: os.stat_result) -> bool:
        """Tell that the key of a file has ended, if it has; whether the file, which has this status, counts as none."""
        path = directory.prefix + name
        if self.endings.has_ended(path):
            self._tell_ended(directory, name, signature(status), self.endings.ends[path])
            return True
        if (ended := self.endings.over.get(path)) is not None:  # and then it was set anew
            self._tell_ended(directory, name, NO_SIGNATURE, ended)
        return False

    def _tell_ended(self, directory: Directory, name: str, now: bytes, end: float) -> None:
        """The key has ended by itself; its file, of that signature, counts as none, whoever removes it."""
        path = directory.prefix + name
        known = directory.known(name)
        directory.files[name] = now + ENDED
        self.held.drop(path)
        key = directory.key(name)
        if known and not self.is_baseline and key is not None:
            self._tell(Event("expired", directory.namespace or "", key, None, b"", known, Author(), end))

    def gone(self, directory: Directory, name: str) -> None:
        """Tell that a file is no more."""
        self._tell_gone(directory, name, self._writers.of(directory.prefix + name, None, time.time()))

    def _tell_gone(self, directory: Directory, name: str, deleted: Written | None) -> None:
        known = directory.known(name)
        del directory.files[name]
        path = directory.prefix + name
        ended = self.endings.end_of_gone(path)
        self.held.drop(path)
        namespace, key = directory.namespace, directory.key(name)
        if not known or self.is_baseline or namespace is None or key is None:
            return
        if ended is not None and (deleted is None or deleted.time >= ended):  # and then somebody swept
            event = Event("expired", namespace, key, None, b"", known, Author(), ended)
        elif deleted is None or deleted.time < modified_at(known) - CLOCK:  # an agent deleted an earlier one
            event = Event("deleted", namespace, key, None, b"", known, _PERSON, time.time())
            self._writers.disown(path)
        else:
            _, at, source, commit, own, _ = deleted
            event = Event("deleted", namespace, key, None, b"", known, source, at, commit, own)
        self._tell(event)

    def _senseless(self, directory: Directory, name: str, mask: int, error: values.Malformed, mark: bytes) -> None:
        """It holds no JSON; told when it has been so for a while."""
        path = directory.prefix + name
        now = mark[:SIGNATURE]
        waited = self.held.waited(path, now)
        if waited < held.INVALID_AFTER:
            self.held.wait(path, mask, min(held.SETTLED, 2 * held.MILLISECOND + waited), now)
            return
        self._tell_invalid(directory, name, error, mark)

    def _unreadable(self, directory: Directory, name: str, mask: int, error: OSError) -> None:
        """It cannot be read: told at once, unless it is this process that lacks something.

        What lies there may be another file by now, and a good one. So whoever looks tries again, whatever its status.
        """
        path = directory.prefix + name
        if error.errno in SCARCE:
            if path not in self.held.paths:
                _log.warning("%s was not looked at, and will be again: %s", path, error)
            self.held.wait(path, mask, 100 * held.MILLISECOND)
            return
        try:
            status = self._tree.stat(path)
        except OSError:
            self._absent(directory, name, mask)
            return
        if not self._has_ended(directory, name, status):
            self._tell_invalid(directory, name, error, signature(status) + UNREADABLE)

    def _tell_invalid(self, directory: Directory, name: str, error: OSError | values.Malformed, mark: bytes) -> None:
        self.held.drop(directory.prefix + name)
        known = directory.known(name)
        directory.files[name] = mark
        if known == mark or (known[-REVISION:] == mark[-REVISION:] != UNREADABLE):
            return
        namespace, key = directory.namespace, directory.key(name)
        if self.is_baseline or namespace is None or key is None:
            return
        path = f"{self._tree.root}/{directory.prefix}{name}"
        told = failures.reading(error, namespace, key, path, self._limit)
        self._writers.disown(directory.prefix + name)
        self._tell(Event("invalid", namespace, key, None, mark, known, _PERSON, time.time(), error=told))


def _content(fd: int, size: int) -> bytes:
    """What a file holds that had this size."""
    raw = os.pread(fd, size + 1, 0)
    while 0 < len(raw) < size and (piece := os.pread(fd, size - len(raw) + 1, len(raw))):
        raw += piece
    return raw


def _too_large(size: int, limit: int) -> OSError | None:
    return OSError(errno.EFBIG, str(size)) if size > limit else None
