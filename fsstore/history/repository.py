"""The git repository of a store: whether it may be used, its lock, and what a person may be doing with it.

What is opened is plain files below ``.git``. A repository that would have something written elsewhere is refused; its
hooks, filters and configured commands are never run, because nothing here runs git.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import threading
from collections.abc import Iterator

from filelock import lock_descriptor, unlock_descriptor

from fsstore.engines.files.atomic import READ_WRITE, Tree
from fsstore.engines.files.waiting import holder_of, pauses
from fsstore.errors import HistoryUnavailable, LockTimeout, RepositoryState
from fsstore.history.objects import Objects
from fsstore.history.refs import Refs, may_be_called

_log = logging.getLogger("fsstore")

OURS = "fsstore"
"""The directory below ``.git`` for what the store's own git work needs; all of it can be made again."""
_LOCK = f"{OURS}/lock"
_LIMIT = 1 << 24
_ELSEWHERE = ("commondir", "gitdir", "objects/info/alternates", "objects/info/http-alternates")
_INSIDE = (
    "",
    "objects",
    "objects/pack",
    "objects/info",
    "refs",
    "refs/heads",
    "logs",
    "logs/refs",
    "logs/refs/heads",
    OURS,
)
_DOUBTFUL = re.compile(rb"(?i)worktree|\[\s*include|\[\s*extensions|bare\s*=\s*(true|yes|on|1)|\n\s*bare\s*\n")
_KNOWN_EXTENSIONS = frozenset({"noop", "preciousobjects", "worktreeconfig"})
_UNDER_WAY = {
    "MERGE_HEAD": ("a merge", "git merge --continue, or git merge --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue, or git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue, or git revert --abort"),
    "rebase-merge": ("a rebase", "git rebase --continue, or git rebase --abort"),
    "rebase-apply": ("a rebase or git am", "git rebase --continue, or git rebase --abort"),
    "BISECT_LOG": ("a bisection", "git bisect reset"),
}
_TIMEOUT = 60.0  # seconds: another process's snapshot of very many files takes that long


class Repository:
    """The repository in a store's directory; whether it may be used, `why_not` says before."""

    def __init__(self, root: str) -> None:
        self.root = root
        """The store's directory."""
        self.directory = f"{root}/.git"
        self.tree = Tree(self.directory)
        """Of the repository's own files."""
        self.objects = Objects(self.directory)
        self.refs = Refs(self.tree)
        self.identity = _identity(self.directory)
        self._mutex, self._pid = threading.Lock(), os.getpid()

    def is_current(self) -> bool:
        """Whether this is still the directory at that place, and not another one."""
        return _identity(self.directory) == self.identity

    @contextlib.contextmanager
    def locked(self, timeout: float = _TIMEOUT) -> Iterator[None]:
        """Keep other snapshots out: of this process's threads and of other processes. Raises `LockTimeout`.

        It is the store's own lock. Git's commands know nothing of it; what they and we share is under git's locks.
        """
        if self._pid != os.getpid():  # in a forked child the parent's threads are not here to release it
            self._mutex, self._pid = threading.Lock(), os.getpid()
        if not self._mutex.acquire(timeout=timeout):
            raise self._timeout(timeout, os.getpid())
        try:
            fd = self._open_lock()
            try:
                if not any(lock_descriptor(fd, blocking=False) for _ in pauses(timeout)):
                    raise self._timeout(timeout, holder_of(fd))
                yield
            finally:
                unlock_descriptor(fd)  # closing is not enough where a child was forked meanwhile
                os.close(fd)
        finally:
            self._mutex.release()

    def _open_lock(self) -> int:
        try:
            return self.tree.open(_LOCK, READ_WRITE)
        except FileNotFoundError:
            os.close(self.tree.make_directories(OURS))
            return self.tree.open(_LOCK, READ_WRITE)

    def _timeout(self, seconds: float, pid: int | None) -> LockTimeout:
        who = "another process" if pid is None else f"process {pid}"
        return LockTimeout(
            f"{who} was making a snapshot of {self.root} for more than {seconds:g} s. Try again; nothing was changed, "
            f"and the next snapshot takes what this one would have.",
            seconds=seconds,
            pid=pid,
        )

    def require_rest(self) -> None:
        """Raise `RepositoryState` while a person is in the middle of a merge and the like, or has no branch."""
        for name, (what, way_out) in _UNDER_WAY.items():
            if os.path.lexists(f"{self.directory}/{name}"):
                raise self._state(f"{what} is under way. End it first: {way_out}", what)

    def require_branch(self, ref: str | None) -> str:
        """The branch that HEAD names. Raises `RepositoryState` without one: commits would belong to nothing."""
        if ref is None:
            raise self._state(
                "HEAD is detached: a commit is checked out and no branch, so that a new one would be on no branch. "
                "Go back to one (git switch main) or make one here (git switch -c NAME)",
                "detached HEAD",
            )
        return ref

    def _state(self, what: str, reason: str) -> RepositoryState:
        return RepositoryState(
            f"no snapshot of {self.root} now: {what}. What was written stays in its files, and the next snapshot takes "
            f"it.",
            path=self.directory,
            reason=reason,
        )


def unavailable(root: str, reason: str) -> HistoryUnavailable:
    """The error where there is no history."""
    return HistoryUnavailable(f"{root} has no history: {reason}", path=root, reason=reason)


def exists(root: str) -> bool:
    """Whether anything is called ``.git`` there."""
    return os.path.lexists(f"{root}/.git")


def larger_repository(root: str) -> str | None:
    """The directory of the repository that the store lies in, if it is inside one that is not its own."""
    above = os.path.dirname(root)
    while True:
        if os.path.lexists(f"{above}/.git"):
            return above
        if above == os.path.dirname(above):
            return None
        above = os.path.dirname(above)


def why_not(root: str) -> str:
    """Why the repository there may not be used; empty if it may."""
    directory = f"{root}/.git"
    try:
        status = os.lstat(directory)
    except FileNotFoundError:
        return "there is no git repository in it yet; its first snapshot or fsstore init makes one"
    if not stat.S_ISDIR(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a file"
        return f".git is {kind}, so its commits would be written elsewhere. Move it away, or the repository itself here"
    if status.st_uid != os.geteuid() and not _is_trusted(root):
        return (
            f".git belongs to user {status.st_uid}, and you are user {os.geteuid()}. Work as its owner, or trust it: "
            f"git config --global --add safe.directory {root}"
        )
    if link := _link_inside(directory):
        return f"{link} is a symbolic link, so it could be written elsewhere. Replace it by what it names"
    for name in _ELSEWHERE:
        if os.path.lexists(f"{directory}/{name}"):
            return (
                f".git/{name} lets parts of the repository lie elsewhere. Make it whole (git repack -a -d), remove it"
            )
    return _wrong_in_config(directory)


def _link_inside(directory: str) -> str | None:
    for path in (*_INSIDE, *_above_branch(directory)):
        try:
            with os.scandir(f"{directory}/{path}" if path else directory) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        return f".git/{path}/{entry.name}".replace("//", "/")
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None


def _above_branch(directory: str) -> list[str]:
    """The directories that the files of HEAD's branch lie in, for one with slashes in its name."""
    with contextlib.suppress(OSError):
        ref = os.fsdecode(Tree(directory).read("HEAD", _LIMIT)).removeprefix("ref: ").strip()
        names = ref.split("/")[:-1] if may_be_called(ref) else []
        found = ["/".join(names[:count]) for count in range(3, len(names) + 1)]
        return [*found, *(f"logs/{path}" for path in found)]
    return []


def _wrong_in_config(directory: str) -> str:
    """What in the configuration makes the repository one that fsstore cannot keep right."""
    for name in ("config", "config.worktree"):
        try:
            raw = Tree(directory).read(name, _LIMIT)
        except FileNotFoundError:
            if name == "config":
                return ".git/config is missing: it is no whole repository. Make it one: git init"
            continue
        if _DOUBTFUL.search(raw) and (wrong := _wrong_setting(f"{directory}/{name}")):
            return wrong
    return ""


def _wrong_setting(path: str) -> str:
    import pygit2

    try:
        found = {entry.name.lower(): entry.value for entry in pygit2.Config(path)}
    except (pygit2.GitError, ValueError, OSError) as error:
        return f"{path} cannot be read ({error})"
    if "core.worktree" in found:
        return f"core.worktree in {path} names another directory. Remove it: git config --unset core.worktree"
    if (found.get("core.bare") or "true").lower() in ("true", "yes", "on", "1") and "core.bare" in found:
        return "it is a bare repository, without a work tree. Change that: git config core.bare false"
    for name, value in found.items():
        extension = name.removeprefix("extensions.")
        if name != extension and extension not in _KNOWN_EXTENSIONS and (extension, value) != ("objectformat", "sha1"):
            return f"it uses the extension {extension!r} of git, which fsstore does not know"
    if any(name.startswith(("include.", "includeif.")) for name in found):
        return f"{path} includes other files, which could send its work elsewhere. Write what they say into it"
    return ""


def _is_trusted(root: str) -> bool:
    """Whether the user or the system says that this directory is safe, whoever owns it (git's safe.directory)."""
    import pygit2

    trusted: list[str] = []
    for level in (pygit2.Config.get_system_config, pygit2.Config.get_global_config):
        with contextlib.suppress(OSError, pygit2.GitError):
            for value in level().get_multivar("safe.directory"):
                trusted = [*trusted, value] if value else []
    return "*" in trusted or root in trusted


def _identity(directory: str) -> tuple[int, int]:
    try:
        status = os.lstat(directory)
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino
