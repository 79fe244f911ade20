"""Locks of keys, between threads and between processes. They know numbers, not keys.

Keys share 64 stripes, so that files do not grow with the keys. A stripe is one file, kept open and locked
by filelock's ``lock_descriptor`` (flock); its content is the journal of its keys. flock belongs to the
open file description, so a thread lock stands beside each, and a forked child starts with descriptors
of its own. All handles of a process on one store share its stripes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref

from filelock import lock_descriptor, unlock_descriptor

from fsstore.engine import nested
from fsstore.engines.files import failures
from fsstore.engines.files.atomic import APPEND, Tree
from fsstore.engines.files.gate import COUNT, Gate
from fsstore.engines.files.log import Log
from fsstore.engines.files.ownlines import OwnLines
from fsstore.engines.files.waiting import holder_of, pauses
from fsstore.errors import LockTimeout, Unsupported

TIMEOUT = 30.0
"""Seconds a writer waits for a key before `LockTimeout`."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_RECHECK = 0.05  # seconds


class Stripe:
    """One lock. While it is held, ``fd`` is its file, open for reading and appending."""

    __slots__ = ("appends", "checked", "fd", "identity", "mutex", "number", "path")

    def __init__(self, number: int, path: bytes) -> None:
        self.number = number
        self.path = path
        self.mutex = threading.RLock()
        self.fd = -1
        self.identity = (0, 0)
        self.appends = 0
        self.checked = 0.0
        """When the path was last seen to be this file, on the monotonic clock."""

    def adopt(self, fd: int) -> None:
        """Use another file from now on, which the caller has locked and put in the place of the old one."""
        status = os.fstat(fd)
        self.close()
        self.appends, self.checked = 0, 0.0
        self.identity = (status.st_dev, status.st_ino)
        self.fd = fd

    def close(self) -> None:
        """Close the file, and so let go of its lock."""
        fd, self.fd = self.fd, -1  # in this order: an interrupt may come between
        if fd >= 0:
            os.close(fd)


class Stripes:
    """The key locks of one store, for the threads of one process."""

    def __init__(self, tree: Tree, directory: str) -> None:
        runtime = os.path.dirname(directory)
        self.gate = Gate(tree, f"{runtime}/gate")
        self.log = Log(tree, runtime, self.gate)
        self.own = OwnLines()
        self._tree = tree
        self._directory = directory
        self._users = 0
        self._is_left = False
        self._inside: set[int] = set()
        self._stripes = [Stripe(number, tree.absolute(f"{directory}/{number:02x}.ndjson")) for number in range(COUNT)]
        _everywhere.add(self)

    @classmethod
    def shared(cls, tree: Tree, directory: str) -> Stripes:
        """The stripes of this process for that store, with one user more, who is to `leave` them."""
        with _registry_lock:
            while True:
                found = _registry.get(tree.root)
                if found is None:
                    found = _registry[tree.root] = cls(tree, directory)
                found._users += 1
                if not found._is_left:  # by a signal handler, since it was found
                    return found

    def leave(self) -> None:
        """One user less. The last one closes every file, once nobody holds it; who still waits is told `Closed`.

        Inside a write, that is in the function of an update or in a signal handler, they are closed at the end of the
        last write that is under way.
        """
        with _registry_lock:
            self._users -= 1
            if self._users > 0:
                return
            if _registry.get(self._tree.root) is self:
                del _registry[self._tree.root]
        self._is_left = True
        if not self.is_inside():
            self._close()

    def _close(self) -> None:
        for stripe in self._stripes:
            with stripe.mutex:
                stripe.close()
        self.gate.close()
        self.log.close()
        _everywhere.discard(self)

    def enter(self) -> None:
        """Say that this thread begins a write; `exit` it, whatever happens."""
        self._inside.add(threading.get_ident())

    def require_outside(self) -> None:
        """Raise `NestedWrite` if this thread is inside a write already."""
        if threading.get_ident() in self._inside:
            raise nested(f"the store {self._tree.root}")

    def exit(self) -> None:
        """Say that the write of this thread is over."""
        self._inside.discard(threading.get_ident())
        if self._is_left and not self._inside:  # else the last one does: it may be waiting for this thread
            self._close()

    def is_inside(self) -> bool:
        """Whether this thread is inside a write."""
        return threading.get_ident() in self._inside

    def acquire(
        self, numbers: list[int], timeout: float | None = None, *, into: list[Stripe] | None = None
    ) -> list[Stripe]:
        """Lock these stripes, given in ascending order and without repeats; returns them.

        ``into`` is a list of the caller's that each is put in before it is locked: whenever an interrupt
        comes, the caller's ``finally`` can `release` what is held. Raises `LockTimeout`, `Closed`, and
        `FileNotFoundError` where the directory of the stripes is gone.
        """
        held: list[Stripe] = [] if into is None else into
        timeout = TIMEOUT if timeout is None else timeout
        try:
            for number in numbers:
                held.append(self._stripes[number])
                self._lock(held[-1], timeout)
        except Exception:
            release(held)
            held.clear()
            raise
        return held

    def _lock(self, stripe: Stripe, timeout: float) -> None:
        if not stripe.mutex.acquire(blocking=False) and not stripe.mutex.acquire(timeout=timeout):
            raise self._timeout(stripe, timeout)
        try:
            if self._is_left:  # by its last user, while this thread was on its way here
                raise failures.closed(self._tree.root)
            while True:
                if stripe.fd < 0:
                    stripe.adopt(self._tree.open(stripe.path, APPEND))
                if not (
                    lock_descriptor(stripe.fd, blocking=False)
                    or any(lock_descriptor(stripe.fd, blocking=False) for _ in pauses(timeout))
                ):
                    raise self._timeout(stripe, timeout)
                if self._is_current(stripe):
                    return
                stripe.close()  # the file was removed or replaced: others lock the new one
        except OSError as error:
            stripe.close()  # whatever was locked is let go with it
            if error.errno in _NO_LOCKS and not isinstance(error, LockTimeout):
                raise no_flock(self._tree.root) from error
            raise
        except BaseException:
            stripe.close()
            raise

    def require_flock(self) -> None:
        """Raise `Unsupported` unless the file system has locks; whether one is held now does not matter."""
        fd = self._tree.open(self._stripes[0].path, APPEND)
        try:
            if lock_descriptor(fd, blocking=False):
                unlock_descriptor(fd)
        except OSError as error:
            raise no_flock(self._tree.root) if error.errno in _NO_LOCKS else error from error
        finally:
            os.close(fd)

    def _is_current(self, stripe: Stripe) -> bool:
        """Whether the locked file is still the one that others lock.

        One that was removed or replaced has no name any more. That a whole store was moved away and another
        put in its place shows in the path alone, which is looked at every 50 ms.
        """
        if os.fstat(stripe.fd).st_nlink == 0:
            return False
        now = time.monotonic()
        if now - stripe.checked < _RECHECK:
            return True
        try:
            status = self._tree.stat(stripe.path)
        except FileNotFoundError:
            return False
        stripe.checked = now
        return (status.st_dev, status.st_ino) == stripe.identity

    def _timeout(self, stripe: Stripe, seconds: float) -> LockTimeout:
        pid = holder_of(stripe.fd) if stripe.fd >= 0 else os.getpid()
        who = "another writer" if pid is None else f"process {pid}"
        return LockTimeout(
            f"{who} held this key of {self._tree.root} for more than {seconds:g} s. Try again; if it never ends, see "
            f"whether that process is stopped; these have its lock open: fuser -v {os.fsdecode(stripe.path)}",
            seconds=seconds,
            pid=pid,
        )

    def start_over(self) -> None:
        """In a forked child: the parent's locks are not ours, nor are its threads here to release them."""
        self._inside.clear()
        self.own.noted = None
        self.gate.start_over()
        self.log.start_over()
        for stripe in self._stripes:
            stripe.mutex = threading.RLock()
            stripe.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # the interpreter may be on its way out
            self.gate.close()
            self.log.close()
            for stripe in self._stripes:
                stripe.close()


def release(held: list[Stripe]) -> None:
    """Unlock what `Stripes.acquire` locked."""
    for stripe in reversed(held):
        if not stripe.mutex._is_owned():  # type: ignore[attr-defined]  # noted, but not locked any more
            continue
        try:
            if stripe.fd >= 0:
                unlock_descriptor(stripe.fd)
        except BaseException as error:
            stripe.close()  # and so let go of its lock
            if not isinstance(error, OSError):
                raise
        finally:
            stripe.mutex.release()


def no_flock(path: str) -> Unsupported:
    """The error for a file system that cannot keep two writers apart."""
    return Unsupported(
        f"{path}: this file system has no working flock, so writers could not be kept apart. "
        f"Put the store on a local disk, or open it with read_only=True.",
        path=path,
    )


_registry: weakref.WeakValueDictionary[str, Stripes] = weakref.WeakValueDictionary()
_registry_lock = threading.RLock()  # a signal handler may close a store while its own thread opens or closes one
_everywhere: weakref.WeakSet[Stripes] = weakref.WeakSet()
"""Those too that were left, and are not closed yet."""


def _after_fork_in_child() -> None:
    global _registry_lock
    _registry_lock = threading.RLock()
    for stripes in list(_everywhere):
        stripes.start_over()


os.register_at_fork(after_in_child=_after_fork_in_child)
