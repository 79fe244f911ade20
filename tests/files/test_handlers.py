"""A signal handler uses the store in the middle of a call of its own thread: nobody waits for ever."""

from __future__ import annotations

import gc
import os
import signal
import time
from typing import Any

import pytest

import fsstore
from fsstore import Store
from fsstore.engines.files import collector
from fsstore.history import repository
from fsstore.recipes import entered, ulids

from .alarm import within
from .scripted import after, before, elsewhere


@pytest.mark.parametrize("step", ["isenabled", "disable", "enable"])
def test_many_values_are_read_while_many_are(disk: Store, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    disk.set_many({"a": 1, "b": 2})
    assert gc.isenabled()
    read = []
    after(monkeypatch, collector.gc, step, lambda: read.append(disk.get_all()))  # type: ignore[attr-defined]
    with within(30):
        assert disk.get_all() == {"a": 1, "b": 2}
    monkeypatch.undo()
    assert read == [{"a": 1, "b": 2}]
    assert gc.isenabled(), "the collector stays off"


def test_a_job_is_put_while_the_jobs_are_listed(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = disk.queue("jobs")
    queue.put("first")
    before(monkeypatch, Store, "list_keys", lambda: queue.put("second"))
    with within(30):
        jobs = [queue.get(), queue.get(5)]
    assert [job and job.item for job in jobs] == ["first", "second"]


def test_identifiers_are_made_while_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In what its making calls while it keeps other threads out, if anything."""
    mint: Any = ulids._mint()
    made: list[str] = []
    sound = ulids._text

    def text(number: int) -> str:
        if len(made) < 2:
            made.append("")
            made[-1] = mint.make()
            made.append(mint.make_at(time.time()))
        return sound(number)

    monkeypatch.setattr(ulids, "_text", text)
    with within(30):
        found = [mint.make(), *filter(None, made)]
    assert len(set(found)) == len(found)


def test_the_history_is_read_while_it_is_opened(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.set("k", 1)
    disk.snapshot()
    disk._histories[0]._reading = None
    seen = []
    before(monkeypatch, repository, "why_not", lambda: seen.append(len(list(disk.log()))))
    with within(30):
        assert len(list(disk.log())) == 2
    assert seen == [2]


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_semaphore_is_entered_while_its_own_thread_enters_or_leaves_it(
    disk: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    semaphore = disk.semaphore("s", 3)
    counts = []

    def handle() -> None:
        with semaphore:
            counts.append(len(semaphore._inside))

    put = before if step == "before" else after
    with within(30):
        put(monkeypatch, entered, "_caller", handle)
        with semaphore:
            put(monkeypatch, entered, "_caller", handle)
    assert counts == [1, 2]
    assert not semaphore._inside


def test_a_semaphore_is_entered_in_a_child_forked_while_another_thread_enters_it(
    disk: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    semaphore = disk.semaphore("s", 3)
    children = []

    def fork() -> None:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)
            try:
                with semaphore:
                    os._exit(0)
            finally:
                os._exit(1)
        children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    before(monkeypatch, entered, "_caller", elsewhere(fork))
    with within(60), semaphore:
        pass
    assert children == [0]


def test_a_store_is_closed_while_its_own_thread_opens_a_kept_file(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its reading does, which finds that somebody has put another file in the place of one that is kept open."""
    disk.set("k", 1)
    file = disk._engine._gate._file  # type: ignore[attr-defined]
    before(monkeypatch, os, "dup2", disk.close)
    with within(30):
        file.open()
    with pytest.raises(fsstore.Closed):
        disk.get("k")
