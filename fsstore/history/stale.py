"""Lock files that programs of git left behind when they died: telling them from those that somebody needs."""

from __future__ import annotations

import logging
import os
import time

from fsstore.engines.files.waiting import pauses
from fsstore.errors import RepositoryBusy

_log = logging.getLogger("fsstore")

_REST = 2.0  # seconds that a lock file must have been the same one, with no git at work
_UNKNOWN_REST = 600.0  # the same, where processes cannot be listed
_MOMENT = 0.25  # seconds between two looks at the processes


def take(lock: bytes, staged: bytes, timeout: float) -> None:
    """Take a lock of git's, so that the file ``staged`` lies there, whole from the first moment.

    Waits for a lock that somebody needs; one that nobody needs is removed. Raises `RepositoryBusy` after ``timeout``
    seconds. The caller holds the store's own lock of the repository.
    """
    watched = Watched(lock)
    for _ in pauses(timeout, slowest=0.02):
        try:
            os.link(staged, lock)
            return
        except FileExistsError:
            watched.remove_if_stale()
    raise _busy(os.fsdecode(lock), timeout)


def outlast(lock: bytes) -> None:
    """Wait a moment for a lock of git's to go that is not ours to take; one that nobody needs is removed.

    Killed commands leave ``HEAD.lock`` beside that of the branch, and no later ``git commit`` gets past it.
    """
    if os.path.lexists(lock):
        watched = Watched(lock)
        for _ in pauses(_REST + 2 * _MOMENT, slowest=0.02):
            if watched.remove_if_stale() or not os.path.lexists(lock):
                return


class Watched:
    """A lock file that is in the way. The caller holds the store's own lock of its repository."""

    def __init__(self, path: bytes) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._since = self._looked = 0.0

    def remove_if_stale(self) -> bool:
        """Remove the file if nobody can need it any more: whether it was removed.

        A file that has been the same for two seconds belongs to a git command that waits for a person (its editor is
        open), and then that command is among the processes with this repository; or its maker is dead.
        """
        now = time.monotonic()
        try:
            status = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            self._identity = None
            return False
        identity = (status.st_ino, status.st_mtime_ns)
        if identity != self._identity:
            self._identity, self._since = identity, now
        if now - self._looked < _MOMENT:
            return False
        self._looked = now
        at_work = _is_git_at_work(os.path.dirname(self._path))
        if at_work:
            self._since = now
        rested = time.time() - status.st_mtime > _UNKNOWN_REST if at_work is None else now - self._since >= _REST
        if at_work or not rested or _identity(self._path) != identity:
            return False
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return False
        _log.warning("removed %s, left by a git command that died", os.fsdecode(self._path))
        return True


def _busy(path: str, seconds: float) -> RepositoryBusy:
    """The error for a lock of git that somebody keeps."""
    return RepositoryBusy(
        f"{path} has been there for more than {seconds:g} s: another git command is at work there, such as a git "
        f"commit that waits for its editor. What was written stays in its files, and the next snapshot takes it. If no "
        f"git runs (also on no other machine), remove that file.",
        path=path,
        seconds=seconds,
    )


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _is_git_at_work(directory: bytes) -> bool | None:
    """Whether a process of git may be at work in this repository; ``None`` where that cannot be told.

    One whose working directory or words cannot be seen counts.
    """
    root = directory.partition(b"/.git")[0]
    try:
        numbers = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    if not numbers:
        return None
    return any(_concerns(int(number), root) for number in numbers if int(number) != os.getpid())


def _concerns(pid: int, root: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            name = file.read().strip()
        if name != b"git" and not name.startswith((b"git-", b"git.")):
            return False
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read()
        if not words:  # a zombie
            return False
        where = os.readlink(b"/proc/%d/cwd" % pid)
    except PermissionError:
        return True
    except OSError:
        return False
    return (where + b"/").startswith(root + b"/") or root in words
