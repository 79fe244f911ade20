"""Closing a store while other threads use it: each is answered or told `Closed`, and touches no other file."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import fsstore
from fsstore import Closed, LockTimeout, StorageFailure, Store
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.engine import FileEngine
from fsstore.engines.files.gate import Gate
from fsstore.engines.files.kept import KeptFile
from fsstore.engines.files.log import Log
from fsstore.engines.files.stripes import Stripes
from fsstore.engines.memory import MemoryEngine
from fsstore.engines.memory_feed import MemoryFeed
from fsstore.records import Author

from .alarm import until, within
from .children import in_child
from .needs import need
from .test_descriptors import count

PATIENCE = 30.0


class Slow:
    """The function of an update that stays in it until it may go on."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()

    def __call__(self, value: int) -> int:
        self.inside.set()
        assert self.go_on.wait(PATIENCE)
        return value + 1


# -- a reader, between the look at the number of a file and its use ---------------------------------


def closed_before_a_read(root: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[[Store], Any]) -> Any:
    """What the verb says whose store is closed before its first look at the counters, and other files are opened."""
    store = fsstore.open(root, git=False)
    store.set("k", 1)
    store.get_all()
    others = root.parent / "others"
    others.write_bytes(b"\xff" * 4096)
    opened: list[int] = []
    real = os.pread

    def pread(fd: int, size: int, offset: int) -> bytes:
        if not opened:
            opened.append(os.open(others, os.O_RDONLY))
            store.close()
            opened.extend(os.open(others, os.O_RDONLY) for _ in range(100))  # the lowest numbers that are free
        assert fd not in opened, "the file of somebody else was read"
        return real(fd, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    try:
        return verb(store)
    finally:
        monkeypatch.undo()
        assert opened
        for fd in opened:
            os.close(fd)
        store.close()


READS: dict[str, Callable[[Store], Any]] = {
    "get": lambda store: store.get("k"),
    "get_many": lambda store: store.get_many(["k"]).get("k"),
    "get_all": lambda store: store.get_all().get("k"),
    "exists": lambda store: int(store.exists("k")),
}


@pytest.mark.parametrize("verb", READS)
def test_a_read_in_the_middle_of_close_reads_no_other_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    with contextlib.suppress(Closed):
        assert closed_before_a_read(root, monkeypatch, READS[verb]) == 1


def kept_with_an_error(root: Path) -> None:
    """Somebody keeps an error, and with it whatever the calls had at hand that it passed through."""
    store = fsstore.open(root, git=False)
    store.set("k", 1)
    file = store._engine._gate._file  # type: ignore[attr-defined]  # as a frame of the traceback has it
    store.close()
    held = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd == str(file.fd)]
    assert held == [os.devnull], "a disk could not be unmounted"


def test_the_file_is_closed_at_once_though_its_number_is_not_free(root: Path) -> None:
    need(os.path.isdir("/proc/self/fd"), "needs /proc")
    kept_with_an_error(root)


def test_it_would_be_seen_if_the_file_stayed_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(os.path.isdir("/proc/self/fd"), "needs /proc")
    monkeypatch.setattr(KeptFile, "successor", lambda self: KeptFile(self._tree, self._path))
    with pytest.raises(AssertionError, match="unmounted"):
        kept_with_an_error(root)


def test_nothing_is_open_after_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = count()
    with contextlib.suppress(Closed):
        closed_before_a_read(root, monkeypatch, READS["get"])
    assert count() == before


@pytest.mark.parametrize("verb", READS)
def test_a_read_that_goes_on_after_it_leaves_nothing_open(
    root: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The store is closed when a call has found it open, and before it looks at the counters."""
    before = count()
    store = fsstore.open(root, git=False)
    store.set("k", 1)
    sound = Gate.read, Gate.counter, Gate.is_open

    def late(of: Callable[..., Any]) -> Callable[..., Any]:
        def closed_first(*args: Any) -> Any:
            store.close()
            return of(*args)

        return closed_first

    with monkeypatch.context() as patched, contextlib.suppress(Closed):
        for each in sound:
            patched.setattr(Gate, each.__name__, late(each))
        assert READS[verb](store) == 1
    assert count() == before


def closed_at_once(self: KeptFile) -> KeptFile:
    """Closes the file now, not when the last thread is done with it."""
    self._close()
    return self


def test_it_would_be_seen_if_the_file_was_closed_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.MonkeyPatch.context() as flawed:
        flawed.setattr(KeptFile, "successor", closed_at_once)
        with pytest.raises(AssertionError, match="somebody else"):
            closed_before_a_read(root, monkeypatch, READS["get"])


# -- a writer that waits for its key ----------------------------------------------------------------


def two_are_inside(stripes: Stripes) -> bool:
    """Whether two threads are in the middle of a write."""
    return len(stripes._inside) == 2


def waiting_for_its_key(root: Path) -> None:
    """One thread is in the middle of an update, a second waits for the key, a third closes the store."""
    before = count()
    slow = Slow()
    store = fsstore.open(root, git=False)
    stripes: Stripes = store._engine._stripes  # type: ignore[attr-defined]
    store.set("k", 1)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(store.update, "k", slow)
        assert slow.inside.wait(PATIENCE)
        second = pool.submit(store.set, "k", "late")
        until(partial(two_are_inside, stripes))  # it has found the store open
        closing = pool.submit(store.close)
        while stripes._users:
            threading.Event().wait(0.001)
        slow.go_on.set()
        assert first.result(PATIENCE) == 2
        with pytest.raises(Closed):
            second.result(PATIENCE)
            raise AssertionError("it wrote to a store that is closed")
        closing.result(PATIENCE)
    del store, stripes
    assert count() == before
    with fsstore.open(root, git=False) as again:
        assert again.get("k") == 2


def test_who_waits_for_a_key_is_told(root: Path) -> None:
    waiting_for_its_key(root)


def test_it_would_be_seen_if_it_wrote(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stripes, "_is_left", property(lambda self: False, lambda self, value: None), raising=False)
    with pytest.raises(AssertionError, match=r"it wrote|count\(\)"):  # or opened the lock file
        waiting_for_its_key(root)


def closed_by_the_function(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function of an update closes the store, and somebody else wants the key before the update ends."""
    store = fsstore.open(root, git=False)
    store.set("k", 1)
    refused: list[str] = []

    def closing(value: int) -> int:
        store.close()
        with fsstore.open(root, git=False) as other, monkeypatch.context() as hasty:
            hasty.setattr("fsstore.engines.files.stripes.TIMEOUT", 0.1)
            try:
                other.set("k", "in between")
            except LockTimeout as error:
                refused.append(str(error))
        return value + 1

    assert store.update("k", closing) == 2
    assert refused, "the key was let go of in the middle of the update"
    with pytest.raises(Closed):
        store.get("k")
    with fsstore.open(root, git=False) as again:
        assert again.get("k") == 2


def test_an_update_that_closes_the_store_has_its_key_to_the_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = count()
    closed_by_the_function(root, monkeypatch)
    assert count() == before


def test_it_would_be_seen_if_it_let_go_of_the_key(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stripes, "is_inside", lambda self: False)
    with pytest.raises((AssertionError, StorageFailure)):
        closed_by_the_function(root, monkeypatch)


def closed_by_one_that_waits_for_the_other(root: Path, patience: float = PATIENCE) -> None:
    """Two threads are in the middle of an update; the function of one closes the store, and waits for the other."""
    before = count()
    slow = Slow()
    store = fsstore.open(root, git=False)
    store.set_many({"a": 1, "b": 1})
    other = threading.Thread(target=store.update, args=("b", slow))

    def closing(value: int) -> int:
        store.close()
        slow.go_on.set()
        other.join(patience)
        assert not other.is_alive(), "it waits for the one that waits for it"
        return value + 1

    other.start()
    assert slow.inside.wait(PATIENCE)
    try:
        assert store.update("a", closing) == 2
    finally:
        other.join()
    assert count() == before
    with fsstore.open(root, git=False) as again:
        assert again.get_all() == {"a": 2, "b": 2}


def closed_at_each_end(self: Stripes) -> None:
    """Closes the files at the end of the first write, and waits for the others."""
    self._inside.discard(threading.get_ident())
    if self._is_left:
        self._close()


def test_who_closes_it_in_an_update_may_wait_for_the_writers(root: Path) -> None:
    closed_by_one_that_waits_for_the_other(root)


def test_it_would_be_seen_if_they_waited_for_one_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stripes, "exit", closed_at_each_end)
    with pytest.raises(AssertionError, match="waits for it"):
        closed_by_one_that_waits_for_the_other(root, 0.2)


def test_a_signal_handler_may_close_the_store(root: Path) -> None:
    store = fsstore.open(root, git=False)
    store.set("k", 1)

    def leave(*_: object) -> None:
        store.close()
        raise SystemExit

    def interrupted(value: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return value + 1

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            store.update("k", interrupted)
    finally:
        signal.signal(signal.SIGTERM, before)
    with fsstore.open(root, git=False) as again:
        assert again.update("k", lambda value: value + 1) == 2


def test_who_waits_for_a_lock_is_told_and_does_not_keep_it(root: Path) -> None:
    with fsstore.open(root, git=False) as other:
        store = fsstore.open(root, git=False)
        with ThreadPoolExecutor(1) as pool:
            with other.lock("job"):
                waiting = pool.submit(store.lock("job", timeout=PATIENCE).__enter__)
                while not waiting.running():
                    threading.Event().wait(0.001)
                store.close()
            with pytest.raises(Closed):
                waiting.result(PATIENCE)
        with other.lock("job", timeout=0):
            pass


def test_a_lock_that_is_acquired_while_all_are_released_is_in_nobodys_way(root: Path) -> None:
    """Another thread gets a lock in the instant in which the store looks which there are."""
    before = count()
    store = fsstore.open(root, git=False)
    acquire, author = store._engine._locks.acquire, Author("late", None)  # type: ignore[attr-defined]
    kept = [acquire(f"early {number}", 0, None, author) for number in range(3)]

    def late(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_name in ("__iter__", "valuerefs") and "weakref" in frame.f_code.co_filename:
            is_amid = frame.f_code.co_name == "valuerefs" or "item" in frame.f_locals
            if event != "call" and is_amid and len(kept) == 3:
                with ThreadPoolExecutor(1) as pool:
                    kept.append(pool.submit(acquire, "late", 0, None, author).result(PATIENCE))
            return late
        return late if event == "call" else None

    former = sys.gettrace()
    sys.settrace(late)
    try:
        store.close()
    finally:
        sys.settrace(former)
    assert len(kept) == 4
    kept.clear()
    assert count() == before


def test_a_checkpoint_keeps_the_keys_to_its_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler closes the store in one; else what others write meanwhile would be forgotten with the rest."""
    store = fsstore.open(root, git=False, durability="power")
    refused: list[str] = []

    def interrupted(*_: object) -> None:
        monkeypatch.undo()  # no other one is made
        store.close()
        with fsstore.open(root, git=False, durability="power") as other, monkeypatch.context() as hasty:
            hasty.setattr("fsstore.engines.files.stripes.TIMEOUT", 0.1)
            try:
                other.set("k", 2)
            except LockTimeout as error:
                refused.append(str(error))

    monkeypatch.setattr("fsstore.engines.files.recovery.sync_all", interrupted)
    monkeypatch.setattr(Log, "is_due", True)
    store.set("k", 1)
    assert refused, "it wrote between the syncing of all files and the end of the log's records"


def test_two_who_write_to_the_log_first_leave_nothing_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find that this process has not been seen by others yet."""
    before = count()
    store = fsstore.open(root, git=False)
    sound, meet = Tree.open, threading.Barrier(2)

    def together(self: Tree, path: str | bytes, *args: Any, **more: Any) -> int:
        if path == ".fsstore/users":
            meet.wait(PATIENCE)
        return sound(self, path, *args, **more)

    monkeypatch.setattr(Tree, "open", together)
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(store.set, key, 1, durability="power") for key in ("a", "b")]
        assert [each.result(PATIENCE) for each in made] == [None, None]
    store.close()
    assert count() == before


# -- a store in memory ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [lambda store: store.touch("k", 60), lambda store: store.increment("k")])
def test_a_write_in_memory_is_done_though_a_handler_closes_the_store(
    monkeypatch: pytest.MonkeyPatch, verb: Callable[[Store], Any]
) -> None:
    store = fsstore.open(":memory:")
    engine: MemoryEngine = store._engine  # type: ignore[assignment]
    store.set("k", 1)
    sound = MemoryFeed.before

    def interrupted(self: MemoryFeed, names: Any) -> Any:
        store.close()
        return sound(self, names)

    monkeypatch.setattr(MemoryFeed, "before", interrupted)
    assert verb(store) in (True, 2)
    assert engine._cells == {}
    with pytest.raises(Closed):
        store.get("k")


# -- a reader of the history ------------------------------------------------------------------------


def closed_within(store: Store, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """The commits of a key, by a call in the middle of which the store is closed: when it has done that."""
    sound = getattr(owner, name)

    def closing(*args: Any, **more: Any) -> Any:
        found = sound(*args, **more)
        store.close()
        return found

    begun = store.log(key="k") if name == "close" else None
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, closing)
        return list(store.log(key="k") if begun is None else begun)


@pytest.mark.parametrize(
    ("name", "is_known"), [("changes.os.close", True), ("changes.tablefile.load", False), ("history.Repository", False)]
)
def test_a_reader_of_the_history_is_answered_and_leaves_nothing_open(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_known: bool
) -> None:
    with fsstore.open(root) as store:
        store.set("k", 1)
        store.snapshot()
    before = count()
    store = fsstore.open(root)
    if is_known:
        assert len(list(store.log(key="k"))) == 1
    owner, _, attribute = f"fsstore.history.{name}".rpartition(".")
    assert len(closed_within(store, monkeypatch, pkgutil.resolve_name(owner), attribute)) == 1
    assert count() == before


# -- a forked child ---------------------------------------------------------------------------------


def test_a_child_that_is_forked_meanwhile_keeps_no_key_locked(root: Path) -> None:
    """A store is closed, but not before the end of an update; the child that is forked in between lives on."""
    slow = Slow()

    def child() -> None:
        paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        names = [os.readlink(path) for path in paths if os.path.lexists(path)]
        assert [name for name in names if name.startswith(f"{root}/.fsstore/")] == []

    need(os.path.isdir("/proc/self/fd"), "needs /proc")
    store = fsstore.open(root, git=False)
    stripes: Stripes = store._engine._stripes  # type: ignore[attr-defined]
    store.set("k", 1)
    with ThreadPoolExecutor(2) as pool:
        update = pool.submit(store.update, "k", slow)
        assert slow.inside.wait(PATIENCE)
        closing = pool.submit(store.close)
        while stripes._users:
            threading.Event().wait(0.001)
        try:
            in_child(child)
        finally:
            slow.go_on.set()
        assert update.result(PATIENCE) == 2
        closing.result(PATIENCE)


# -- a signal handler -------------------------------------------------------------------------------


class Interrupting(dict[str, Any]):
    """A registry in the middle of whose use a signal comes, once."""

    def __init__(self, within: Callable[[], None]) -> None:
        super().__init__()
        self.within: Callable[[], None] | None = within

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        within, self.within = self.within, None
        if within is not None:
            within()
        return found


@pytest.mark.parametrize("which", ["the same store", "another"])
def test_a_handler_closes_a_store_while_one_is_opened(root: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    place = root if which == "the same store" else root.parent / "another"
    registry = Interrupting(lambda: None)
    monkeypatch.setattr("fsstore.engines.files.stripes._registry", registry)
    with within(PATIENCE), fsstore.open(place, git=False) as first:
        fsstore.open(root, git=False).close()  # it is made
        registry.within = first.close
        with fsstore.open(root, git=False) as second:
            second.set("k", 1)
            assert second.get("k") == 1
    assert not registry


def test_a_handler_closes_a_store_while_another_is_closed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Interrupting(lambda: None)
    monkeypatch.setattr("fsstore.engines.files.stripes._registry", registry)
    first, second = fsstore.open(root.parent / "another", git=False), fsstore.open(root, git=False)
    registry.within = first.close
    with within(PATIENCE):
        second.close()
    assert not registry


def test_a_handler_closes_a_store_while_another_begins_to_be_watched(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Interrupting(lambda: None)
    monkeypatch.setattr("fsstore.engines.files.watching.feed._hubs", registry)
    first, second = fsstore.open(root.parent / "another", git=False), fsstore.open(root, git=False)
    first.watch(callback=print)
    registry.within = first.close
    with within(PATIENCE):
        second.watch()
    second.close()
    assert observers() == []
    assert not registry


# -- who begins to watch ----------------------------------------------------------------------------


def observers() -> list[str]:
    """The threads of this process that observe a store."""
    return [thread.name for thread in threading.enumerate() if thread.name == "fsstore-watch"]


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_who_begins_to_watch_is_told(root: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The store is closed after it was seen to be open, and before there is anything that could be told the end."""
    store = fsstore.open(root, git=False) if kind == "disk" else fsstore.open(":memory:")
    engine, name = (FileEngine, "work_tree") if kind == "disk" else (MemoryEngine, "feed")
    sound = getattr(engine, name)

    def closed_meanwhile(self: Any) -> Any:
        found = sound(self)
        store.close()
        return found

    monkeypatch.setattr(engine, name, closed_meanwhile)
    with pytest.raises(Closed):
        store.watch()
    assert observers() == []


def test_who_watch_first_at_the_same_time_have_one_observer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsstore.open(root, git=False)
    sound, meet = FileEngine.work_tree, threading.Barrier(2)

    def with_another(self: FileEngine) -> Any:
        meet.wait(PATIENCE)
        return sound(self)

    monkeypatch.setattr(FileEngine, "work_tree", with_another)
    with ThreadPoolExecutor(2) as pool:
        made = [each.result(PATIENCE) for each in [pool.submit(store.watch), pool.submit(store.watch)]]
    assert store.watch_status().subscriptions == len(made)
    store.close()
    assert [list(each) for each in made] == [[], []]
    assert observers() == []


# -- all together -----------------------------------------------------------------------------------


def run(store: Store, number: int) -> None:
    """A run of an agent, with a commit at its end."""
    with store.run(agent="runner") as handle:
        handle.set("run", number)


def watch(store: Store, number: int) -> None:
    """A subscription, until it ends with the store."""
    with store.watch() as events:
        for _ in events:
            pass


def test_threads_that_do_everything(root: Path) -> None:
    verbs: list[Callable[[Store, int], Any]] = [
        lambda store, number: store.get(f"k{number % 7}"),
        lambda store, number: store.set(f"k{number % 7}", number),
        lambda store, number: store.set_many({"a": number, "b": number}),
        lambda store, number: store.get_many(["a", "b"]),
        lambda store, number: store.increment("n"),
        lambda store, number: store.set("p", number, durability="power"),
        lambda store, number: (store.delete("k1"), store.get_all(), store.list_keys()),
        lambda store, number: (store.snapshot(), store.log(limit=3)),
        run,
        lambda store, number: store.find({"n": {"gte": 0}}),
        lambda store, number: store.wait_for("never", timeout=PATIENCE),
        watch,
    ]

    def busy(store: Store, verb: Callable[[Store, int], Any], begun: threading.Semaphore) -> None:
        begun.release()
        number = 0
        while True:
            try:
                verb(store, number)
            except Closed:
                return
            number += 1

    for _ in range(10):
        store = fsstore.open(root)
        begun = threading.Semaphore(0)
        with ThreadPoolExecutor(len(verbs)) as pool:
            made = [pool.submit(busy, store, verb, begun) for verb in verbs]
            for _ in verbs:
                assert begun.acquire(timeout=PATIENCE)
            store.close()
            for each in made:
                each.result(PATIENCE)
    with fsstore.open(root) as store:
        store.snapshot()
        assert list(store.doctor()) == []
        assert store.get("a") == store.get("b")
