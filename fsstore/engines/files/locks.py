"""Locks with names, between threads and between processes, with a lease time or without. They know no keys.

Three kinds of small files, each locked by flock. The *guard* of a name, `.fsstore/locks/NAME`, is locked for
the instants in which it is decided who has the name; it says who, and is removed when nobody has it. The
*proof* of a claim, `.fsstore/holders/TOKEN`, is locked by the holder as long as it holds: the kernel
lets go of it when the process ends, so that a holder is alive if and only if its proof is locked, whatever
became of its process number. `.fsstore/holders/next` counts the tokens. A name is held while its guard says
so, the time has not passed, and the proof is locked. Deleting these files takes the locks away: two
may hold one name then, and `fenced` tells the first of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import weakref
import zlib
from collections.abc import Callable, Iterator

from fsstore import leases, values
from fsstore.engines.files import failures
from fsstore.engines.files.atomic import DIRECTORY, READ, Tree
from fsstore.engines.files.locked import LockedFile, lock, sharing
from fsstore.engines.files.waiting import pauses
from fsstore.errors import LeaseLost, LockTimeout
from fsstore.keys import encode_namespace, require_text
from fsstore.leases import Holding
from fsstore.records import Author, Claim, Holder

LOCKS, HOLDERS = ".fsstore/locks", ".fsstore/holders"
_COUNTER = f"{HOLDERS}/next"
_LIMIT = 1 << 20  # bytes of a guard's content
_ATTEMPTS = 100
_SLOWEST = 0.01  # seconds between polls
_INSTANT = 0.05  # seconds: a guard is locked for less, unless a write is under way or a process was stopped
_DECIDING = 2.0  # seconds: who locks a guard without having the name is done long before, unless it was stopped
_SWEEP_EVERY = 256


class FileClaim(Claim):
    """A claim with the open file that proves its holder alive; dropping it frees the name."""

    __slots__ = ("guard", "holding", "proof")

    def __init__(self, name: str, token: int, ttl: float | None, author: Author, guard: bytes, proof: LockedFile):
        super().__init__(name, token, ttl, leases.end_of(ttl))
        self.guard = guard
        """The path of the guard."""
        self.proof = proof
        self.holding = Holding.begun(self, author)


class FileLocks:
    """The named locks of one store. Safe to share between threads; a forked child holds none of its parent's."""

    def __init__(self, tree: Tree, require_store: Callable[[], object]) -> None:
        """``require_store`` raises if the store itself is gone."""
        self._tree = tree
        self._require_store = require_store
        self._claims: weakref.WeakValueDictionary[int, FileClaim] = weakref.WeakValueDictionary()
        """By their tokens. All of them are told in one step, while other threads add theirs; no set of Python can."""
        self._acquired = 0

    def acquire(self, name: str, timeout: float, ttl: float | None, author: Author) -> FileClaim:
        """Lock a name, for at most ``ttl`` seconds if given. Raises `LockTimeout` after ``timeout`` seconds."""
        path = self._tree.absolute(path_of(name))
        with failures.told(self._tree.root):
            if self._acquired % _SWEEP_EVERY == 0:
                self.sweep()
            self._acquired += 1
            for _ in pauses(timeout, _SLOWEST):
                if (claim := self._attempt(name, path, ttl, author)) is not None:
                    return claim
        raise leases.timed_out(name, timeout, self.holder(name))

    def release(self, claim: Claim) -> None:
        """Unlock, and remove what said so. Nothing, if the claim is lost or another process's."""
        assert isinstance(claim, FileClaim)
        if not claim.proof.is_ours:
            return
        try:
            with contextlib.suppress(OSError), self._guarded(claim, _INSTANT) as guard:
                guard.remove()
        except LeaseLost:
            pass
        finally:
            claim.proof.remove()  # this alone frees the name: the rest is tidiness

    def renew(self, claim: Claim, ttl: float | None = None) -> FileClaim:
        """Hold for ``ttl`` seconds from now, as many as before by default. Raises `LeaseLost`."""
        assert isinstance(claim, FileClaim)
        with failures.told(self._tree.root), self._guarded(claim) as guard:
            if ttl is not None:
                claim.ttl = ttl
            claim.until = leases.end_of(claim.ttl)
            guard.write(_encoded(claim.holding._replace(until=claim.until)))
        return claim

    @contextlib.contextmanager
    def fenced(self, claim: Claim) -> Iterator[None]:
        """Nobody else gets the name in the body, even if its time passes. Raises `LeaseLost` if it is not ours."""
        assert isinstance(claim, FileClaim)
        with contextlib.ExitStack() as stack:
            with failures.told(self._tree.root):
                stack.enter_context(self._guarded(claim))
            yield

    def holder(self, name: str) -> Holder | None:
        """Who holds a name. Nothing is locked, nothing written."""
        with failures.told(self._tree.root):
            holding = self._noted(self._tree.absolute(path_of(name)))
            if holding is not None:
                return holding.holder() if self._holds(holding) else None
            self._require_store()
            return None

    def sweep(self) -> None:
        """Remove what killed holders left. What is in use stays, and what cannot be removed."""
        for directory, holds in ((LOCKS, self._guard_holds), (HOLDERS, self._proof_holds)):
            for path in self._files(directory):
                with contextlib.suppress(OSError):
                    if not holds(path) and (file := lock(self._tree, path)) is not None:
                        if directory == LOCKS and self._holds(_decoded(file.read(_LIMIT))):
                            file.close()  # somebody was faster
                        else:
                            file.remove()

    def close(self) -> None:
        """Release all that was acquired here."""
        for reference in self._claims.valuerefs():
            if (claim := reference()) is not None:
                self.release(claim)

    # -- deciding ----------------------------------------------------------------------------------

    def _attempt(self, name: str, path: bytes, ttl: float | None, author: Author) -> FileClaim | None:
        guard = self._free_guard(path)
        if guard is None:
            return None
        try:
            last = _decoded(guard.read(_LIMIT))
            if self._holds(last):
                return None
            token = self._next_token(0 if last is None else last.token)
            proof = self._lock(self._proof_path(token), leases.TIMEOUT)
            if proof is None:
                return None
            try:
                claim = FileClaim(name, token, ttl, author, path, proof)
                guard.write(_encoded(claim.holding))
            except BaseException:
                proof.remove()
                raise
            self._claims[token] = claim
            return claim
        finally:
            guard.close()

    def _free_guard(self, path: bytes) -> LockedFile | None:
        """Lock a guard that says of nobody that it has the name, as far as can be told without; ``None`` if it does.

        Who decides about a name or sweeps has its guard for an instant, and is no reason to say that the name is held.
        Only who has it, or had it until its time passed, may keep the guard for as long as a write takes.
        """
        for _ in pauses(_DECIDING):
            noted = self._noted(path)
            if self._holds(noted):
                return None
            lives = noted is not None and self._proof_holds(self._proof_path(noted.token))
            guard = self._lock(path, _INSTANT if lives else 0.0)
            if guard is not None or lives:
                return guard
        return None

    def _holds(self, holding: Holding | None) -> bool:
        return holding is not None and not holding.is_over() and self._proof_holds(self._proof_path(holding.token))

    def _guard_holds(self, path: bytes) -> bool:
        return self._holds(self._noted(path))

    def _proof_holds(self, path: bytes) -> bool:
        """Whether a process has this file locked. Asking disturbs nobody who asks too."""
        try:
            fd = self._tree.open(path, READ)
        except FileNotFoundError:
            return False
        try:
            with sharing(fd) as is_free:
                return not is_free
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _guarded(self, claim: FileClaim, timeout: float = leases.TIMEOUT) -> Iterator[LockedFile]:
        """Lock the guard of a claim that still counts. Raises `LeaseLost`."""
        for _ in pauses(timeout):
            self._require_current(claim, self._noted(claim.guard))  # who lost it need not wait
            if (guard := self._lock(claim.guard)) is not None:
                break
        else:
            raise leases.timed_out(claim.name, timeout, self.holder(claim.name))
        try:
            self._require_current(claim, _decoded(guard.read(_LIMIT)))
            yield guard
        finally:
            guard.close()

    def _require_current(self, claim: FileClaim, holding: Holding | None) -> None:
        if not claim.proof.is_ours or holding is None or holding.token != claim.token or holding.is_over():
            raise leases.lost(claim.name, claim.token, holding.token if holding and self._holds(holding) else None)

    # -- files -------------------------------------------------------------------------------------

    def _noted(self, path: bytes) -> Holding | None:
        """What a guard says, without locking it; half a line says nothing."""
        try:
            return _decoded(self._tree.read(path, _LIMIT))
        except FileNotFoundError:
            return None

    def _next_token(self, last: int) -> int:
        counter = self._lock(self._tree.absolute(_COUNTER), leases.TIMEOUT)
        if counter is None:
            raise LockTimeout(
                f"{self._tree.root}/{_COUNTER} was locked for {leases.TIMEOUT:g} s. Is its process stopped? "
                f"fuser -v {self._tree.root}/{_COUNTER}",
                seconds=leases.TIMEOUT,
            )
        try:
            noted = counter.read(_LIMIT).strip()
            token = leases.next_token(max(last, int(noted) if noted.isdigit() else 0))
            counter.write(b"%d\n" % token)
            return token
        finally:
            counter.close()

    def _proof_path(self, token: int) -> bytes:
        return self._tree.absolute(f"{HOLDERS}/{token}")

    def _lock(self, path: bytes, timeout: float = 0.0) -> LockedFile | None:
        """Lock a file in a directory that a person may remove at any time."""
        with contextlib.suppress(FileNotFoundError):
            return lock(self._tree, path, timeout)
        directory = os.path.dirname(self._tree.relative(path))
        for _ in range(_ATTEMPTS):
            self._require_store()
            with contextlib.suppress(FileNotFoundError):
                os.close(self._tree.make_directories(directory))
                return lock(self._tree, path, timeout)
        return lock(self._tree, path, timeout)

    def _files(self, directory: str) -> list[bytes]:
        try:
            fd = self._tree.open(directory, DIRECTORY)
        except OSError:
            return []
        try:
            names = os.listdir(fd)
        finally:
            os.close(fd)
        return [self._tree.absolute(path) for name in names if (path := f"{directory}/{name}") != _COUNTER]


def path_of(name: str) -> str:
    """The guard of a name, relative to the store's root. Raises `InvalidName`."""
    require_text(name, "name of a lock")
    leases.require_name(name)
    encoded, _, more = encode_namespace(name).partition("/")
    if more:  # too long for one file name; no short name has "%-"
        encoded += "-" + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{LOCKS}/{encoded}"


def _encoded(holding: Holding) -> bytes:
    """A line for people and programs, with a checksum: it is read without a lock, perhaps while it is written."""
    text = json.dumps(holding._asdict()).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _decoded(raw: bytes) -> Holding | None:
    line = raw.partition(b"\n")[0]  # behind it may be the end of a longer one, which is cut off a moment later
    checksum, _, text = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(text):
            return None
        return Holding(**values.decode(text))
    except (ValueError, TypeError):
        return None
