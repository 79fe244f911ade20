"""The log keeps what it promised: when writes of both durabilities meet, on a full disk, and when a sync fails."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from files.alarm import until
from files.mounts import served_disk, small_disk

import fsstore
from fsstore.engines.files import durable, log

from .cutfs import MODES
from .forgetting import Disk

_PAGE = 4096


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("second", ["set", "delete"])
@pytest.mark.parametrize("older", [None, "older"])
def test_a_write_without_promise_after_one_with(older: str | None, second: str, mode: str, scratch: Path) -> None:
    with served_disk("faults.cutfs", scratch / "disk") as at:
        disk = Disk(at)
        with fsstore.open(disk.root, durability="power") as store:
            store.set_many({"k": older, "x": 0} if older else {"x": 0})
        disk.tell("save")
        with fsstore.open(disk.root, durability="power") as store:
            store.set("k", "promised")
            if second == "set":
                store.set("k", "later", durability="process")
            else:
                store.delete("k", durability="process")
            store.set("x", 1)  # this syncs the log, with all three records
        disk.tell(f"cut {mode}")
        with fsstore.open(disk.copied(), durability="power") as store:
            assert store.get("k") in ("promised", "later" if second == "set" else None)
            assert store.get("x") == 1
            assert second == "delete" or "k" in store


def test_a_log_that_had_no_room_is_not_begun_anew_by_the_next_process(scratch: Path) -> None:
    with small_disk(scratch / "small", "size=8m") as at, fsstore.open(at / "store", durability="power") as store:
        (at / "filler").write_bytes(bytes(6 * 1024 * 1024))
        with pytest.raises(fsstore.DiskFull):
            store.set("a", "no room")
        (at / "filler").unlink()
        store.set("a", "promised")
        wal = at / "store/.fsstore/wal"
        assert wal.stat().st_size == log.SIZE
        other = f"import fsstore; fsstore.open({str(at / 'store')!r}, durability='power').set('b', 1)"
        subprocess.run([sys.executable, "-c", other], check=True)
        assert b'"promised"' in wal.read_bytes()


def _fail_once(patch: pytest.MonkeyPatch) -> None:
    sound = os.fdatasync

    def fdatasync(fd: int) -> None:
        patch.setattr(os, "fdatasync", sound)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patch.setattr(os, "fdatasync", fdatasync)


def test_records_after_one_whose_sync_failed(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux has it: pages that could not be written are clean, and not on the disk until they are written again."""
    root, crashed = scratch / "store", scratch / "crashed"
    with fsstore.open(root, durability="power") as store:
        store.set("a", "old")
        wal = root / ".fsstore/wal"
        on_disk = wal.read_bytes()
        with monkeypatch.context() as patch, pytest.raises(fsstore.StoreError):
            _fail_once(patch)
            store.set("large", "x" * 25 * _PAGE)
        failed = wal.read_bytes()
        store.set("a", "promised")
        left = bytearray(wal.read_bytes())
        shutil.copytree(root, crashed)
    lost = [at for at in range(0, len(left), _PAGE) if left[at : at + _PAGE] == b"x" * _PAGE == failed[at : at + _PAGE]]
    assert len(lost) > 20
    for at in lost:
        left[at : at + _PAGE] = on_disk[at : at + _PAGE]
    (crashed / ".fsstore/wal").write_bytes(left)
    (crashed / "default/a.json").write_text('"old"\n')
    with fsstore.open(crashed, durability="power") as store:
        assert store.get("a") == "promised"
        assert "large" not in store


class Watched:
    """A lock that tells how many wait for it, or did."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting = 0

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.waiting += 1
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def during_a_sync(
    store: fsstore.Store, patch: pytest.MonkeyPatch, others: list[str], then: Callable[[], bool], error: OSError | None
) -> tuple[list[str], int]:
    """What is acknowledged when others write while "first" is synced, and how many syncs there were.

    The first sync ends, with this error, when ``then`` holds or the others are done; the system tells it alone.
    """
    sound, calls = os.fdatasync, []

    def fdatasync(fd: int) -> None:
        calls.append(fd)
        if len(calls) > 1:
            sound(fd)
            return
        futures.extend(pool.submit(write, key) for key in others)
        until(lambda: then() or all(future.done() for future in futures))
        if error is not None:
            raise error
        sound(fd)

    def write(key: str) -> str:
        with contextlib.suppress(fsstore.StoreError):
            store.set(key, 1)
            return key
        return ""

    futures: list[Future[str]] = []
    with ThreadPoolExecutor(len(others)) as pool, patch.context() as patched:
        patched.setattr(os, "fdatasync", fdatasync)
        answers = [write("first"), *(future.result(60) for future in futures)]
    return [key for key in answers if key], len(calls)


def test_one_of_two_threads_is_told_of_a_failure(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both records were in the pages that could not be written; the system tells only the first who asks."""
    with fsstore.open(scratch / "store", durability="power") as store:
        store.set("c", 1)
        store._engine._stripes.log._syncing = watched = Watched()  # type: ignore[attr-defined]
        failure = OSError(errno.EIO, os.strerror(errno.EIO))
        acknowledged, _ = during_a_sync(store, monkeypatch, ["b"], lambda: watched.waiting > 0, failure)
        assert acknowledged == []
        store.set("b", 2)


def test_who_syncs_before_the_failure_is_known_would_be_caught(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fsstore.open(scratch / "store", durability="power") as store:
        store.set("c", 1)
        store._engine._stripes.log._syncing = contextlib.nullcontext()  # type: ignore[attr-defined]
        failure = OSError(errno.EIO, os.strerror(errno.EIO))
        acknowledged, _ = during_a_sync(store, monkeypatch, ["b"], lambda: False, failure)
        assert acknowledged == ["b"], "though the system did not write its record"


def test_one_sync_serves_all_who_have_waited_for_it(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not the one that was under way when their records were written."""
    with fsstore.open(scratch / "store", durability="power") as store:
        store.set("c", 1)
        store._engine._stripes.log._syncing = watched = Watched()  # type: ignore[attr-defined]
        acknowledged, syncs = during_a_sync(store, monkeypatch, ["a", "b"], lambda: watched.waiting == 2, None)
        assert acknowledged == ["first", "a", "b"]
        assert syncs == 2


def test_a_sync_that_was_interrupted_serves_nobody(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fdatasync(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            raise KeyboardInterrupt

    with fsstore.open(scratch / "store", durability="power") as store:
        store.set("c", 1)
        wal = store._engine._stripes.log  # type: ignore[attr-defined]

        class Interrupted(Watched):
            def __enter__(self) -> None:
                super().__enter__()
                if not calls:  # another thread's turn, while the one that waits here has its record in the log
                    with pytest.raises(KeyboardInterrupt):
                        wal._sync()

        wal._syncing = Interrupted()
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        store.set("d", 1)
        assert len(calls) == 2


def test_where_mounts_have_no_numbers_no_file_is_taken_for_the_same(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "_mount", lambda fd: 0)
    with (scratch / "file").open("w") as file:
        assert durable.identity(file.fileno()) != durable.identity(file.fileno())


def test_a_stopped_writer_of_the_log_keeps_nobody_from_reading(root: Path) -> None:
    with fsstore.open(root, durability="power") as store:
        store.set("a", 1)
    fsstore.open(root).close()  # the log is empty now
    with open(root / ".fsstore" / "wal", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        started = time.monotonic()
        for read_only in (True, False):
            with fsstore.open(root, read_only=read_only) as store:
                assert store.get("a") == 1
        assert time.monotonic() - started < 10


def test_a_writer_that_waits_for_the_log_is_told_who_has_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_PATIENCE", 0.05)
    with fsstore.open(root, durability="power") as store:
        store.set("a", 1)
        with open(root / ".fsstore" / "wal", "rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(fsstore.LockTimeout) as caught:
                store.set("a", 2)
        assert caught.value.pid == os.getpid()
        assert store.get("a") == 1
