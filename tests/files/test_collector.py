"""The pause of the garbage collector: only while values are read, and as it was afterwards."""

from __future__ import annotations

import gc
import threading

import pytest

from fsstore import Store
from fsstore.engines.files import listing, reader
from fsstore.engines.files.collector import paused
from fsstore.engines.files.listing import Entries
from fsstore.keys import Level


def test_reading_everything_pauses_it_and_leaves_it_as_it_was(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.set_many({"a": 1, "b": 2})
    seen = []
    listed = listing.read_entries

    def watched(fd: int, level: Level, path: str) -> Entries:
        seen.append(gc.isenabled())
        return listed(fd, level, path)

    monkeypatch.setattr(reader, "read_entries", watched)
    assert gc.isenabled()
    disk.get_all()
    assert seen == [False]
    assert gc.isenabled()


def test_who_has_it_off_keeps_it_off(disk: Store) -> None:
    disk.set("a", 1)
    gc.disable()
    try:
        disk.get_all()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_last_of_two_threads_ends_the_pause() -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with paused:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with paused:
        assert not gc.isenabled()
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()


def test_an_error_ends_the_pause() -> None:
    with pytest.raises(ValueError, match="stop"), paused:
        raise ValueError("stop")
    assert gc.isenabled()
