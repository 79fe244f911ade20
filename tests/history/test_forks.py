"""Processes that fork while a run or a snapshot is under way: a child keeps no locks, and ends no run of its parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore.engines.files.runs import Runs
from fsstore.history.index import Index
from fsstore.history.step import Step

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return StoreRepo(scratch / "store")


def _fork(child: Callable[[], object]) -> int:
    """Do something in a forked child, which is killed after a minute; its number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        child()
        status = 0
    finally:
        os._exit(status)


def _status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_forked_during_a_snapshot_does_not_keep_its_lock(
    repo: StoreRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, pids = Step._commit, []

    def forking(self: Step, groups: Any) -> Any:
        pids.append(_fork(lambda: time.sleep(50)))
        return sound(self, groups)

    with repo.open() as store:
        store.set("a", 1)
        with monkeypatch.context() as patch:
            patch.setattr(Step, "_commit", forking)
            store.snapshot()
        store.set("a", 2)
        started = time.monotonic()
        store.snapshot()
        assert time.monotonic() - started < 25
    os.kill(pids[0], signal.SIGKILL)
    _status(pids[0])
    repo.check()


def test_a_child_forked_while_a_thread_opens_the_repository_makes_its_own_snapshots(repo: StoreRepo) -> None:
    def snapshot() -> None:
        store.set("of-the-child", 1)
        store.snapshot()

    with repo.open() as store, store._past._mutex:
        pid = _fork(snapshot)
    assert _status(pid) == 0
    repo.check()


def test_a_child_does_not_go_on_with_an_index_that_its_parent_was_reading(
    repo: StoreRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.run("maker", a=1, b=2)
    sound, reading, forked = Index._recall, threading.Event(), threading.Event()

    def slow(self: Index) -> bool:
        if threading.current_thread() is not threading.main_thread():
            reading.set()
            forked.wait(10)
        return sound(self)

    def snapshot() -> None:
        store.set("of-the-child", 1)
        store.snapshot()

    with repo.open() as store:
        store.set("c", 1)
        store.snapshot()
        repo.write("d", "1\n")
        repo.git("add", "default/d.json")
        monkeypatch.setattr(Index, "_recall", slow)
        thread = threading.Thread(target=store.snapshot)
        thread.start()
        assert reading.wait(10)
        pid = os.fork()
        if not pid:  # the parent's thread holds the lock of the repository until it goes on
            try:
                signal.alarm(60)
                snapshot()
                os._exit(0)
            finally:
                os._exit(1)
        forked.set()
        thread.join()
        assert _status(pid) == 0
    repo.git("commit", "-qm", "mine")
    repo.check()


def test_a_child_that_leaves_the_block_does_not_end_the_run(repo: StoreRepo) -> None:
    before, parent = repo.head(), os.getpid()
    with repo.open() as store:
        try:
            with store.run("parent", on_error="rollback") as data:
                data.set("a", 1)
                pid = os.fork()
                if not pid:
                    raise SystemExit(3)
                assert _status(pid) == 3
                assert data.get("a") == 1
                data.set("b", 2)
        except SystemExit:
            assert os.getpid() != parent
            os._exit(3)
    assert repo.commits(before) == ["parent: A default/a.json, A default/b.json"]
    assert repo.git("log", "-1", "--format=%(trailers:key=Status,valueonly)").strip() == "ok"
    repo.check()


def test_a_run_whose_process_is_killed_is_over_though_a_child_of_it_lives(repo: StoreRepo) -> None:
    assert _after_a_kill(repo) == ["killed: A default/a.json"]
    assert repo.git("log", "-1", "--format=%(trailers:key=Status,valueonly)").strip() == "killed"


def test_a_flaw_that_lets_children_keep_runs_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Runs, "start_over", lambda self: None)
    assert _after_a_kill(repo) == []


def _after_a_kill(repo: StoreRepo) -> list[str]:
    """What is committed of a run whose process is killed, with a child of it alive."""
    before = repo.head()
    reader, writer = os.pipe()

    def child_of_it() -> None:
        os.write(writer, b"%d" % os.getpid())  # by itself: then it has come to close what it inherited
        time.sleep(50)

    def parent() -> None:
        signal.alarm(0)
        store = repo.open()
        store.run("killed").__enter__().set("a", 1)
        _fork(child_of_it)
        time.sleep(60)

    pid = _fork(parent)
    child = int(os.read(reader, 100))
    os.kill(pid, signal.SIGKILL)
    _status(pid)
    try:
        repo.snapshot()
        return repo.commits(before)
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(reader)
        os.close(writer)
