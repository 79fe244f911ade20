"""Flaws that can be put into the real locks of this process, and the scenarios that must show each of them.

A scenario is a small story with an assertion at its end; on sound locks it passes. Children are forked, so that
they have the flaw too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import lock_descriptor

import fsstore
from fsstore import LeaseLost, LockTimeout
from fsstore.engines.files import locked
from fsstore.engines.files.locked import LockedFile
from fsstore.engines.files.locks import FileLocks
from fsstore.leases import Holding, boot_seconds, lost
from fsstore.records import Claim

from .alarm import until
from .children import fork, in_child
from .holders import is_free


def _require_any(self: FileLocks, claim: Claim, noted: Holding | None) -> None:
    if noted is None or noted.is_over():
        raise lost(claim.name, claim.token, None)


FLAWS: dict[str, tuple[Any, str, Any]] = {
    "a removed file is locked": (locked, "is_current", lambda tree, file: True),
    "the token is not checked": (FileLocks, "_require_current", _require_any),
    "the time is not checked": (Holding, "is_over", lambda self: False),
    "a child keeps the descriptor": (LockedFile, "abandon", lambda self: None),
    "a child unlocks": (LockedFile, "abandon", LockedFile.close),
    "the dead hold": (FileLocks, "_proof_holds", lambda self, path: self._tree.exists(path)),
}


def a_file_removed_before_it_is_locked(root: Path, patch: pytest.MonkeyPatch) -> None:
    """The holder lets go and another one comes between somebody's opening the file and locking it."""
    with fsstore.open(root) as store:
        first, second = store.lock("job"), store.lock("job")
        first.__enter__()
        _let_go_of_proof(first)

        def between(fd: int, *, blocking: bool) -> bool:
            if fd_names(fd, "/locks/job"):
                patch.setattr(locked, "lock_descriptor", lock_descriptor)
                os.unlink(root / ".fsstore/locks/job")
                second.__enter__()
            return lock_descriptor(fd, blocking=blocking)

        patch.setattr(locked, "lock_descriptor", between)
        with pytest.raises(LockTimeout), store.lock("job", timeout=0.05):
            raise AssertionError("two have the lock")
        second.release()


def _let_go_of_proof(held: fsstore.Lock) -> None:
    claim: Any = held.claim
    claim.proof.remove()


def fd_names(fd: int, end: str) -> bool:
    """Whether an open file is the one whose path ends so."""
    return os.readlink(f"/proc/self/fd/{fd}").endswith(end)


def a_lease_that_another_one_has(root: Path, _: pytest.MonkeyPatch) -> None:
    with fsstore.open(root) as store, store.lock("job", ttl=0.02) as first, store.lock("job", ttl=600) as second:
        with pytest.raises(LeaseLost) as raised, store._engine.fenced(first.claim):
            raise AssertionError("a stale token wrote")
        assert raised.value.current == second.token


def a_lease_that_ran_out(root: Path, _: pytest.MonkeyPatch) -> None:
    with fsstore.open(root) as store, store.lock("job", ttl=0.02) as held:
        end = held.claim.until
        assert end is not None
        until(lambda: boot_seconds() > end)
        with pytest.raises(LeaseLost), store._engine.fenced(held.claim):
            raise AssertionError("a lease that ran out wrote")
        assert is_free(store, "job")


def a_killed_holder_with_a_living_child(root: Path, _: pytest.MonkeyPatch) -> None:
    """A child of the holder goes on living; the name is free all the same."""
    with fsstore.open(root) as store:
        ready, tell = os.pipe()
        stay, leave = os.pipe()

        def holder() -> None:
            os.close(leave)
            with store.lock("job"):
                fork(child)
                os.read(stay, 1)

        def child() -> None:
            os.write(tell, b".")
            os.read(stay, 1)

        pid = fork(holder)
        os.close(stay)
        try:
            assert os.read(ready, 1) == b"."
            assert not is_free(store, "job")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            assert is_free(store, "job", timeout=1), "the child keeps the lock"
        finally:
            for fd in (leave, ready, tell):
                os.close(fd)


def a_child_that_leaves_the_with(root: Path, _: pytest.MonkeyPatch) -> None:
    """What a forked child does with the lock that its parent holds is nothing."""
    with fsstore.open(root) as store, store.lock("job") as held:

        def child() -> None:
            assert not is_free(store, "job")
            with pytest.raises(LeaseLost), store._engine.fenced(held.claim):
                raise AssertionError("the child wrote under its parent's lock")
            held.release()
            assert not is_free(store, "job")

        in_child(child)
        assert not is_free(store, "job"), "the child let go of its parent's lock"
        with store._engine.fenced(held.claim):
            pass


def a_killed_holder(root: Path, _: pytest.MonkeyPatch) -> None:
    with fsstore.open(root) as store:
        ready, tell = os.pipe()

        def holder() -> None:
            with store.lock("job", ttl=600):
                os.write(tell, b".")
                signal.pause()

        pid = fork(holder)
        try:
            assert os.read(ready, 1) == b"."
            assert not is_free(store, "job")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(ready)
            os.close(tell)
        assert is_free(store, "job", timeout=1), "the dead hold the lock"


SCENARIOS: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "a removed file is locked": a_file_removed_before_it_is_locked,
    "the token is not checked": a_lease_that_another_one_has,
    "the time is not checked": a_lease_that_ran_out,
    "a child keeps the descriptor": a_killed_holder_with_a_living_child,
    "a child unlocks": a_child_that_leaves_the_with,
    "the dead hold": a_killed_holder,
}
