"""A process that forks while its threads write: both sides go on, and their locks still keep them apart."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

import fsstore
from fsstore import LockTimeout, Store
from fsstore.engines import memory
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.stripes import Stripes, release

from .alarm import until, within
from .children import fork, in_child, join
from .scripted import after


def test_both_sides_go_on(disk: Store) -> None:
    disk.set("k", "parent")

    def child() -> None:
        with within(10):
            assert disk.get("k") == "parent"
            disk.set("k", "child")
            disk.set("made:by:child", 1, {"m": 1})
            assert disk.info("k").value == "child"

    in_child(child)
    assert disk.get("k") == "child"
    assert disk.list_keys() == ["k", "made:by:child"]
    disk.set("k", "parent again")
    assert disk.get("k") == "parent again"


def test_forking_while_threads_write(disk: Store) -> None:
    """A thread of the parent holds some lock at the instant of each fork; no child may wait for it for ever."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def write(name: str) -> None:
        number = 0
        try:
            while not stop.is_set():
                disk.set_many({f"{name}:{number % 10}": number, "shared": number})
                number += 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()

    def child() -> None:
        with within(20):
            for number in range(70):
                disk.set(f"child:{number}", number)
                disk.set("shared", -number)
                assert disk.get(f"child:{number}") == number
            disk.list_keys()
            disk.delete_prefix("child:")

    try:
        until(lambda: disk.exists("shared"))
        for _ in range(12):
            in_child(child)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert disk.get_many(["shared"])


def test_the_parents_locks_stay_exclusive(disk: Store, root: Path) -> None:
    """A child that unlocks, closes or ends does not let go of what the parent holds."""
    stripes = Stripes.shared(Tree(str(root)), layout.JOURNAL)
    every = list(range(COUNT))
    held = stripes.acquire(every)

    def child() -> None:
        with pytest.raises(LockTimeout):
            stripes.acquire([5], timeout=0.05)
        with fsstore.open(root, read_only=True) as store:
            assert store.get("nothing") is None

    def stranger() -> None:
        with pytest.raises(LockTimeout):
            Stripes(Tree(str(root)), layout.JOURNAL).acquire([5], timeout=0.05)

    try:
        in_child(child)
        in_child(stranger)
    finally:
        release(held)

    def taker() -> None:
        release(stripes.acquire(every, timeout=5))

    in_child(taker)


def test_the_childs_locks_are_its_own(root: Path, disk: Store) -> None:
    """Parent and child write the same key in turns; a lock both thought theirs would lose updates."""
    disk.set("k", 0)
    ready, go = os.pipe(), os.pipe()

    def hold() -> None:
        stripes = Stripes.shared(Tree(str(root)), layout.JOURNAL)
        held = stripes.acquire([3])
        os.write(ready[1], b".")
        os.read(go[0], 1)
        release(held)

    pid = fork(hold)
    try:
        assert os.read(ready[0], 1) == b"."
        stripes = Stripes.shared(Tree(str(root)), layout.JOURNAL)
        with pytest.raises(LockTimeout):
            stripes.acquire([3], timeout=0.05)
        os.write(go[1], b".")
        release(stripes.acquire([3], timeout=5))
    finally:
        join(pid)
        for fd in (*ready, *go):
            os.close(fd)


class Counting:
    """In the place of the lock that keeps forks away: it tells when one wants to begin; without a lock none waits."""

    def __init__(self, lock: contextlib.AbstractContextManager[object]) -> None:
        self._lock = lock
        self.wanted = threading.Event()

    def acquire(self) -> None:
        self.wanted.set()
        self._lock.__enter__()

    def release(self) -> None:
        self._lock.__exit__(None, None, None)

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *exc: object) -> None:
        self._lock.__exit__(None, None, None)


@pytest.mark.parametrize("sound", [True, False])
def test_a_fork_in_the_middle_of_a_commit_of_a_store_in_memory(monkeypatch: pytest.MonkeyPatch, *, sound: bool) -> None:
    """The child has all of it or nothing; where forks wait for nobody it would have half."""
    counting = Counting(threading.RLock() if sound else contextlib.nullcontext())
    monkeypatch.setattr(memory, "_no_fork", counting)
    store, forked = fsstore.open(":memory:"), threading.Event()
    store.set_many({"a": 0, "b": 0})
    half = threading.Event()

    def between() -> None:
        half.set()
        assert (counting.wanted if sound else forked).wait(20)

    after(monkeypatch, memory.MemoryEngine, "_do", between)
    thread = threading.Thread(target=store.set_many, args=({"a": 1, "b": 1},))
    thread.start()
    assert half.wait(20)

    def child() -> None:
        with within(20):
            assert store.get_all() == ({"a": 1, "b": 1} if sound else {"a": 1, "b": 0})
            store.set_many({"a": 2, "b": 2})
            assert store.get_all() == {"a": 2, "b": 2}

    pid = fork(child)
    forked.set()
    thread.join(20)
    join(pid)
    assert store.get_all() == {"a": 1, "b": 1}
    store.close()
