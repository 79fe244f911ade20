"""A signal handler uses the store in the middle of a call of its own thread: nobody waits for ever."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest

from fsstore import Store
from fsstore.engines.files import collector
from fsstore.history import repository
from fsstore.recipes import ulids

from .alarm import within
from .scripted import after, before


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
