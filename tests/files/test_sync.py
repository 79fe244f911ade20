"""When ``sync`` may return without having woken the observer, and when it must not."""

from __future__ import annotations

import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.engines.files.watching.hub import Hub
from fsstore.engines.files.watching.inotify import Inotify
from fsstore.errors import WaitTimeout
from fsstore.events import Event

from .recorder import Recorder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
SECONDS = 30


class Sleep:
    """In the place of an observer's poll: its waking up can be put off."""

    def __init__(self, poll: select.poll) -> None:
        self._poll = poll
        self.asleep, self.may_wake = threading.Event(), threading.Event()
        self.may_wake.set()

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """The same, as long as it may wake."""
        self.asleep.set()
        found = self._poll.poll(timeout)
        self.asleep.clear()
        assert self.may_wake.wait(SECONDS)
        return found


@pytest.fixture
def watcher(disk: fsstore.Store) -> Recorder:
    """It knows of one key."""
    disk.set("a", 1)
    return Recorder(disk)


@pytest.fixture
def sleep(watcher: Recorder) -> Iterator[Sleep]:
    """The observer's sleep; it has slept once."""
    hub: Any = watcher.feed._hub  # type: ignore[attr-defined]
    hub._poll = sleep = Sleep(hub._poll)
    watcher.feed.sync(SECONDS)
    hub._calls.wake()  # also if that needed no waking
    assert sleep.asleep.wait(SECONDS)
    yield sleep
    sleep.may_wake.set()


def waits_for_the_hint(watcher: Recorder, sleep: Sleep, path: Path) -> bool:
    """Whether ``sync`` waits while the observer has not woken up to a change."""
    sleep.may_wake.clear()
    path.write_text("2")
    try:
        watcher.feed.sync(0.1)
    except WaitTimeout:
        return True
    finally:
        sleep.may_wake.set()
    return False


def test_a_hint_that_the_observer_has_not_read_yet_is_waited_for(watcher: Recorder, sleep: Sleep, root: Path) -> None:
    assert waits_for_the_hint(watcher, sleep, root / "default" / "a.json")
    assert watcher.told() == ["updated default/a 2 by a person"]


def test_an_observer_that_asks_for_no_hints_is_noticed(
    watcher: Recorder, sleep: Sleep, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Inotify, "has_hints", lambda notifier: False)
    assert not waits_for_the_hint(watcher, sleep, root / "default" / "a.json")


class Slow(Recorder):
    """A sink that takes its first event when it may."""

    def __init__(self, store: fsstore.Store) -> None:
        super().__init__(store)
        self.takes, self.may_take = threading.Event(), threading.Event()

    def put(self, event: Event) -> None:
        self.takes.set()
        assert self.may_take.wait(SECONDS)
        super().put(event)


def waits_for_the_telling(disk: fsstore.Store) -> bool:
    """Whether ``sync`` waits while an event is being told whose hint has been read."""
    slow = Slow(disk)
    slow.feed.sync(SECONDS)
    disk.set("a", 1)
    assert slow.takes.wait(SECONDS)
    try:
        slow.feed.sync(0.1)
    except WaitTimeout:
        return True
    finally:
        slow.may_take.set()
    return False


def test_what_is_being_told_is_waited_for(disk: fsstore.Store) -> None:
    assert waits_for_the_telling(disk)


def test_an_observer_that_takes_itself_to_be_at_rest_is_noticed(
    disk: fsstore.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "_has_told_all", lambda hub: not hub._notifier.has_hints())
    assert not waits_for_the_telling(disk)


def test_a_file_that_is_held_back_is_waited_for(watcher: Recorder, root: Path) -> None:
    with (root / "default" / "a.json").open("w") as file:
        file.write("2")
    assert watcher.told() == ["updated default/a 2 by a person"]


def test_a_callback_that_is_being_called_is_waited_for(disk: fsstore.Store) -> None:
    begun, over = threading.Event(), threading.Event()

    def callback(event: fsstore.Event) -> None:
        begun.set()
        assert over.wait(SECONDS)

    with disk.watch(callback=callback):
        disk.set("a", 1)
        assert begun.wait(SECONDS)
        with pytest.raises(WaitTimeout):
            disk.sync(0.1)
        over.set()
        disk.sync(SECONDS)
