"""References of a repository: what they name, and moving one if nobody else has. Format: gitrepository-layout(5)."""

from __future__ import annotations

import contextlib
import os
import re
from typing import NamedTuple

from fsstore.engines.files.atomic import Tree, discard, write_all
from fsstore.engines.files.failures import told
from fsstore.errors import DamagedHistory, RepositoryState, UnknownRevision
from fsstore.history.objects import Objects, Signature
from fsstore.history.stale import take

_LIMIT = 1 << 28
_HEX = "0123456789abcdef"
_ANY_HEX = r"[0-9a-fA-F]{4,40}"  # these two are compiled when a person's revision is resolved
_FORBIDDEN = re.compile(r"\.\.|//|/\.|\.lock/|\./$|@\{|[\x00-\x20\x7f~^:?*\[\\]")
_STEP = r"(~\d*|\^\d*|@\{\d+\})$"
_ABOVE = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/")  # where git looks for a short name, in its order
_DEEPEST = 10
_STAGED = "fsstore/ref."


class Head(NamedTuple):
    """Where the next commit goes."""

    ref: str | None
    """The branch; ``None`` if a commit is checked out, and no branch."""
    commit: bytes | None
    """The newest commit; ``None`` if there is none yet."""


class Moved(Exception):
    """The reference is not what it was."""


class _Senseless(Exception):
    """What a reference is said to lead to can be none."""


def may_be_called(name: str) -> bool:
    """Whether a reference may be called so (git-check-ref-format(1)): its file then lies in the repository."""
    return name.startswith("refs/") and _FORBIDDEN.search(f"{name}/") is None


class Refs:
    """The references of one repository."""

    def __init__(self, tree: Tree) -> None:
        """``tree`` is that of ``.git``."""
        self._tree = tree

    def head(self) -> Head:
        """What HEAD names. Raises `RepositoryState` if it makes no sense, `DamagedHistory` if its branch does not."""
        ref, commit = self._of_head()
        if commit is None and ref != "HEAD" and self._has_log(ref):
            ref, commit = self._of_head()  # its first commit may have come between the looks, and its log after that
            if commit is None and ref != "HEAD":
                raise self._damaged(ref)
        if ref == "HEAD":
            if commit is None:
                path = f"{self._tree.root}/HEAD"
                raise RepositoryState(
                    f"{path} names no branch and no commit. Write one into it: ref: refs/heads/main",
                    path=path,
                    reason="HEAD",
                )
            return Head(None, commit)
        return Head(ref, commit)

    def _of_head(self) -> tuple[str, bytes | None]:
        try:
            return self._followed("HEAD")
        except _Senseless:
            return "HEAD", None

    def read(self, name: str) -> bytes | None:
        """The object that a reference names, through other references. Raises `DamagedHistory`."""
        try:
            return self._followed(name)[1]
        except _Senseless:
            return None

    def _followed(self, name: str) -> tuple[str, bytes | None]:
        """The last reference in a chain of them, and what it names. Raises `_Senseless`."""
        for _ in range(_DEEPEST):
            raw = self._raw(name)
            if raw is None:
                return name, self._packed().get(name)
            if _is_id(raw):
                return name, bytes.fromhex(raw)
            if not raw.startswith("ref: "):
                if name.startswith("refs/"):
                    raise self._damaged(name)
                break
            name = raw.removeprefix("ref: ").strip()
            if not may_be_called(name):
                break
        raise _Senseless(name)

    def _has_log(self, name: str) -> bool:
        """Whether a reference was there and nobody removed it: git removes the log of one with it."""
        try:
            return self._tree.stat(f"logs/{name}").st_size > 0
        except OSError:
            return False

    def _damaged(self, name: str) -> DamagedHistory:
        path = f"{self._tree.root}/{name}"
        return DamagedHistory(
            f"{path} names no commit. See what it named last in {self._tree.root}/logs/{name}, and write that into it: "
            f"git update-ref {name} COMMIT",
            path=path,
        )

    def move(self, head: Head, commits: list[tuple[bytes, str]], who: Signature, *, sync: bool, timeout: float) -> None:
        """Let the branch name the last of these commits (id and a line about it), if it is as it was in ``head``.

        Raises `Moved` if it is not, `RepositoryBusy` if another program keeps it locked; whatever is raised, the
        branch is as it was. With ``sync`` the content is on the disk; its name is for the caller to sync.
        """
        name = head.ref or "HEAD"
        os.close(self._tree.make_directories(os.path.dirname(name) or "logs"))
        staged = self._tree.absolute(f"{_STAGED}{os.getpid()}")
        discard(staged)
        self._tree.stage(staged, commits[-1][0].hex().encode() + b"\n", sync=sync)
        lock = self._tree.absolute(f"{name}.lock")
        try:
            try:
                take(lock, staged, timeout)
            except FileNotFoundError:  # git has packed the last branch in its directory, which goes then
                raise Moved(name) from None
            try:
                if self.head() != head:
                    raise Moved(name)
                lines = _lines_of(head.commit, commits, who)
                if head.commit is not None:
                    self._note(name, lines)
                os.rename(lock, self._tree.absolute(name))
                if head.commit is None:  # a log without its branch would be that of a lost one
                    with contextlib.suppress(OSError):
                        self._note(name, lines)
            except BaseException:
                discard(lock)
                raise
        finally:
            discard(staged)

    def release_dead(self, staged: str) -> None:
        """Remove the lock of a process that died in `move`, by the second name that it gave it."""
        path = self._tree.absolute(staged)
        head = self.head().ref
        lock = self._tree.absolute(f"{head or 'HEAD'}.lock")
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(path), os.lstat(lock)):
                os.unlink(lock)
        discard(path)

    def _note(self, name: str, lines: bytes) -> None:
        """Write to the logs of a branch and of HEAD, as git does."""
        for log in {name: None, "HEAD": None}:
            self._append(f"logs/{log}", lines)

    def _append(self, path: str, lines: bytes) -> None:
        os.close(self._tree.make_directories(os.path.dirname(path)))
        fd = os.open(
            self._tree.absolute(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666
        )
        try:
            write_all(fd, lines)
        finally:
            os.close(fd)

    def _raw(self, name: str) -> str | None:
        with told(f"{self._tree.root}/{name}"):
            try:
                return self._tree.read(name, _LIMIT).decode("utf-8", "surrogateescape").strip()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            except OSError:
                if os.path.isdir(self._tree.absolute(name)):
                    return None
                raise

    def _packed(self) -> dict[str, bytes]:
        path = f"{self._tree.root}/packed-refs"
        with told(path):
            try:
                lines = self._tree.read("packed-refs", _LIMIT).decode("utf-8", "surrogateescape").split("\n")
            except FileNotFoundError:
                return {}
        found = [line.partition(" ") for line in lines if line[:1] not in ("#", "^", "")]
        if not all(_is_id(oid) and name for oid, _, name in found):
            raise DamagedHistory(f"{path} is damaged. See what is left in it, and remove the rest", path=path)
        return {name: bytes.fromhex(oid) for oid, _, name in found}

    # -- revisions that people write ---------------------------------------------------------------

    def resolve(self, revision: str, objects: Objects) -> bytes:
        """The commit that somebody means. Raises `UnknownRevision`.

        Full or short hash, ``HEAD`` or ``@``, branch, tag, and any of these followed by ``~N``, ``^N`` or ``@{N}``
        (the place N moves ago), as in gitrevisions(7).
        """
        steps: list[str] = []
        base = revision
        while match := re.search(_STEP, base):
            steps.append(match[0])
            base = base[: match.start()]
        if not base and not (steps and steps[-1].startswith("@")):
            raise self._unknown(revision, "it is empty" if not steps else "something is wanted before the first step")
        oid = self._named(base or "HEAD", revision, objects)
        for number, step in enumerate(reversed(steps)):
            if step.startswith("@"):
                if number:
                    raise self._unknown(revision, "@{N} comes right after a branch")
                oid = self._before(base or "HEAD", int(step[2:-1]), revision)
                continue
            oid = objects.peeled(oid)
            count = int(step[1:] or "1")
            for _ in range(count if step[0] == "~" else min(count, 1)):
                parents = objects.commit(oid).parents
                which = 0 if step[0] == "~" else count - 1
                if which >= len(parents):
                    raise self._unknown(revision, f"{oid.hex()[:12]} has no such parent")
                oid = parents[which]
        oid = objects.peeled(oid)
        objects.commit(oid)
        return oid

    def _named(self, name: str, revision: str, objects: Objects) -> bytes:
        if name == "@":
            name = "HEAD"
        if _is_id(name.lower()):
            oid = bytes.fromhex(name)
            if objects.has(oid):
                return oid
            raise self._unknown(revision, "there is no such commit")
        if not name.startswith(("-", "/")) and ".." not in name and "\0" not in name:
            for above in _ABOVE:
                if above or name == "HEAD" or name.isupper() or name.startswith("refs/"):
                    oid_or_none = self.head().commit if above + name == "HEAD" else self.read(above + name)
                    if oid_or_none is not None:
                        return oid_or_none
        if name == "HEAD":
            raise self._unknown(revision, "there is no commit yet; store.snapshot() makes one")
        found = objects.find(name.lower()) if re.fullmatch(_ANY_HEX, name) else []
        commits = [oid for oid in found if objects.read(oid)[0] in (b"commit", b"tag")]
        if len(commits) == 1:
            return commits[0]
        raise self._unknown(
            revision, "more than one begins so; write more of it" if commits else "nothing is called so"
        )

    def _before(self, name: str, count: int, revision: str) -> bytes:
        """Where a reference was ``count`` moves ago."""
        name = "HEAD" if name in ("@", "HEAD") else name
        for path in (f"logs/{name}", f"logs/refs/heads/{name}"):
            try:
                lines = self._tree.read(path, _LIMIT).decode("utf-8", "replace").splitlines()
            except OSError:
                continue
            values = [line.split(" ", 2)[1] for line in reversed(lines)]
            if count < len(values) and _is_id(values[count]):
                return bytes.fromhex(values[count])
        raise self._unknown(revision, "the reference's log does not reach so far")

    def _unknown(self, revision: str, why: str) -> UnknownRevision:
        return UnknownRevision(
            f"no revision {revision!r}: {why}. fsstore log shows those there are.", revision=revision
        )


def _is_id(text: str) -> bool:
    return len(text) == 40 and not text.strip(_HEX)


def _lines_of(before: bytes | None, commits: list[tuple[bytes, str]], who: Signature) -> bytes:
    old, lines = before or bytes(20), []
    for oid, about in commits:
        lines.append(f"{old.hex()} {oid.hex()} {who}\tcommit: {about}\n")
        old = oid
    return "".join(lines).encode("utf-8", "replace")
