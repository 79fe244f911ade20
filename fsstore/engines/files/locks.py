"""Locks of keys, between threads and between processes. They know numbers, not keys.

Keys share 64 stripes, so that lock files do not grow with the keys; each is one file, kept open and
locked by filelock's ``lock_descriptor`` (flock). flock belongs to the open file description, so a
thread lock stands beside each, and a forked child starts with descriptors of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence

from filelock import lock_descriptor, unlock_descriptor

from fsstore.engines.files.atomic import LOCK, Tree
from fsstore.errors import LockTimeout, Unsupported

STRIPES = 64
TIMEOUT = 30.0
"""Seconds a writer waits for a key before `LockTimeout`."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_QUICK_POLLS = 20
_QUICK, _SLOW = 0.0002, 0.002  # seconds between polls: most holders are gone within microseconds


class _Stripe:
    __slots__ = ("fd", "identity", "mutex", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.mutex = threading.Lock()
        self.fd = -1
        self.identity = (0, 0)


class Stripes:
    """The key locks of one store, for the threads of one process."""

    def __init__(self, tree: Tree, directory: str) -> None:
        self._tree = tree
        self._directory = directory
        self._stripes = [_Stripe(f"{directory}/{number:02x}") for number in range(STRIPES)]
        _all.add(self)

    @contextlib.contextmanager
    def hold(self, numbers: Sequence[int], timeout: float = TIMEOUT) -> Iterator[None]:
        """Hold these stripes, given in ascending order and without repeats. Raises `LockTimeout`."""
        until = time.monotonic() + timeout
        held: list[_Stripe] = []
        try:
            held.extend(self._acquire(self._stripes[number], until, timeout) for number in numbers)
            yield
        finally:
            for stripe in reversed(held):
                unlock_descriptor(stripe.fd)
                stripe.mutex.release()

    def _acquire(self, stripe: _Stripe, until: float, timeout: float) -> _Stripe:
        if not stripe.mutex.acquire(blocking=False) and not stripe.mutex.acquire(
            timeout=max(0.0, until - time.monotonic())
        ):
            raise self._timeout(timeout)
        try:
            while True:
                if stripe.fd < 0:
                    self._open(stripe)
                self._wait(stripe.fd, until, timeout)
                if self._is_current(stripe):
                    return stripe
                self._close(stripe)  # a person removed the lock's file: others lock the new one
        except OSError as error:
            stripe.mutex.release()
            if error.errno in _NO_LOCKS and not isinstance(error, LockTimeout):
                raise no_flock(self._tree.root) from error
            raise
        except BaseException:
            stripe.mutex.release()
            raise

    def _wait(self, fd: int, until: float, timeout: float) -> None:
        polls = 0
        while not lock_descriptor(fd, blocking=False):
            polls += 1
            if time.monotonic() >= until:
                raise self._timeout(timeout)
            time.sleep(_QUICK if polls <= _QUICK_POLLS else _SLOW)

    def _open(self, stripe: _Stripe) -> None:
        try:
            stripe.fd = self._tree.open(stripe.path, LOCK)
        except FileNotFoundError:
            os.close(self._tree.make_directories(self._directory))
            stripe.fd = self._tree.open(stripe.path, LOCK)
        status = os.fstat(stripe.fd)
        stripe.identity = (status.st_dev, status.st_ino)

    def _is_current(self, stripe: _Stripe) -> bool:
        try:
            status = self._tree.stat(stripe.path)
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == stripe.identity

    @staticmethod
    def _close(stripe: _Stripe) -> None:
        if stripe.fd >= 0:
            os.close(stripe.fd)
            stripe.fd = -1

    def _timeout(self, seconds: float) -> LockTimeout:
        return LockTimeout(
            f"another writer held this key of {self._tree.root} for more than {seconds:g} s. "
            f"Try again; if it never ends, look for a stopped process with: fuser -v {self._tree.root}/"
            f"{self._directory}/*",
            seconds=seconds,
        )

    def close(self) -> None:
        """Close the lock files. A lock still held by another thread is let go by it first."""
        for stripe in self._stripes:
            with stripe.mutex:
                self._close(stripe)

    def start_over(self) -> None:
        """In a forked child: the parent's locks are not ours, nor are its threads here to release them."""
        for stripe in self._stripes:
            stripe.mutex = threading.Lock()
            self._close(stripe)


def no_flock(path: str) -> Unsupported:
    """The error for a file system that cannot keep two writers apart."""
    return Unsupported(
        f"{path}: this file system has no working flock, so writers could not be kept apart. "
        f"Put the store on a local disk, or open it with read_only=True.",
        path=path,
    )


_all: weakref.WeakSet[Stripes] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for stripes in list(_all):
        stripes.start_over()


os.register_at_fork(after_in_child=_after_fork_in_child)
