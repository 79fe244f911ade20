"""How an observer ends: nobody waits for ever or is disturbed, nothing is left. Races are decided step by step."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.engines.files.watching import feed
from fsstore.engines.files.watching.calls import Call, Calls
from fsstore.engines.files.watching.feed import FileFeed
from fsstore.engines.files.watching.hub import Hub
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.errors import Closed, StorageFailure
from fsstore.watching.pending import Pending

from . import children
from .recorder import Recorder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture
def disk(root: Path) -> Iterator[fsstore.Store]:
    """An open store."""
    with fsstore.open(root, agent="tester") as opened:
        yield opened


class Sink:
    """Somebody who is told nothing, and keeps nothing."""

    def put(self, event: Any) -> None:
        """Take it."""

    def end(self, error: Any) -> None:
        """Nothing more will come."""


class Stopped:
    """A method of a class that is called by one thread at a time; each call stops before it until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: type, name: str) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        original = getattr(of, name)

        def stopped(*args: Any, **named: Any) -> Any:
            self.reached.set()
            assert self.go_on.wait(60)
            return original(*args, **named)

        monkeypatch.setattr(of, name, stopped)


def begun(do: Callable[[], object]) -> threading.Thread:
    """A thread that does it."""
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def hubs() -> int:
    """How many threads observe something."""
    return sum(thread.name == "fsstore-watch" for thread in threading.enumerate())


def test_two_leave_at_the_same_time(disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes one user from the observer: the watchers of another handle are not ended."""
    with fsstore.open(root, agent="other") as other:
        watcher = Recorder(other)
        one, two = Sink(), Sink()
        shared: Any = disk._engine.feed()
        shared.attach(one)
        shared.attach(two)
        stopped = Stopped(monkeypatch, Hub, "detach")
        threads = [begun(lambda: shared.detach(one)), begun(lambda: shared.detach(two))]
        assert stopped.reached.wait(60)
        while shared._sinks:  # both have been taken from the list
            threading.Event().wait(0.001)
        stopped.go_on.set()
        for thread in threads:
            thread.join()
        disk.set("a", 1)
        assert watcher.told() == ["created default/a 1 by tester"]
        assert watcher.ended == []
        stopped.go_on.set()
        other._engine.feed().detach(watcher)
    assert hubs() == 0


def test_one_comes_while_the_last_one_leaves(disk: fsstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The observer has as many users as there are: it ends with the last."""
    shared: Any = disk._engine.feed()
    one, two = Sink(), Sink()
    shared.attach(one)
    stopped = Stopped(monkeypatch, Hub, "detach")
    leaving = begun(lambda: shared.detach(one))
    assert stopped.reached.wait(60)
    shared.attach(two)
    stopped.go_on.set()
    leaving.join()
    assert hubs() == 1
    shared.detach(two)
    assert hubs() == 0


def test_one_ends_while_the_next_begins(disk: fsstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an observer does not take from the next what it knows of own writes."""
    shared: Any = disk._engine.feed()
    one = Sink()
    shared.attach(one)
    stopped = Stopped(monkeypatch, Hub, "_end")
    leaving = begun(lambda: shared.detach(one))
    assert stopped.reached.wait(60)
    watcher = Recorder(disk)
    stopped.go_on.set()
    leaving.join()
    disk.set("a", 1)
    assert [event.own for event in watcher.events()] == [True]
    shared.detach(watcher)


def test_nobody_is_attached_to_a_closed_store(root: Path) -> None:
    """Whoever has asked for the feed just before it was closed begins nothing that nobody would end."""
    disk = fsstore.open(root)
    shared: Any = disk._engine.feed()
    disk.close()
    with pytest.raises(Closed):
        shared.attach(Sink())
    assert hubs() == 0


def check_closed_between(disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store is closed after a watcher was noted, and before the observer that others share has taken it."""
    with fsstore.open(root, agent="other") as other:
        watcher = Recorder(other)
        shared: Any = disk._engine.feed()
        hub, attach = watcher.feed._hub, Hub.attach  # type: ignore[attr-defined]

        def attach_late(self: Hub, *args: Any, **named: Any) -> Any:
            shared.close()
            return attach(self, *args, **named)

        monkeypatch.setattr(Hub, "attach", attach_late)
        with contextlib.suppress(Closed):
            shared.attach(Sink())
        assert [each for each, _, _ in hub._audience._sinks] == [watcher]
        with pytest.raises(Closed):
            shared.attach(Sink())
        watcher.feed.detach(watcher)
    assert hubs() == 0


def test_a_store_is_closed_while_somebody_comes(
    disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_closed_between(disk, root, monkeypatch)


def test_a_flaw_that_takes_who_has_gone_is_noticed(
    disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: whoever was attached is not asked for once more."""

    class Staying(list[Any]):
        def __contains__(self, sink: object) -> bool:
            return True

    shared: Any = disk._engine.feed()
    shared._sinks = Staying()
    with pytest.raises(AssertionError):
        check_closed_between(disk, root, monkeypatch)


def test_a_waking_goes_into_no_other_file(tmp_path: Path) -> None:
    """The number of a closed descriptor is soon that of another file."""
    calls = Calls()
    number = calls.fd
    calls.close()
    with open(tmp_path / "theirs", "wb") as file:
        copy = file.fileno() if file.fileno() == number else os.dup2(file.fileno(), number)
        try:
            calls.wake()
            calls.send(Call(lambda: None))
            calls.close()
            assert (tmp_path / "theirs").read_bytes() == b""
            os.fstat(copy)  # and it is still open
        finally:
            if copy != file.fileno():
                os.close(copy)


def test_who_asks_in_the_round_that_fails_is_told(disk: fsstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken up and not come to is refused, not forgotten."""
    watcher = Recorder(disk)
    monkeypatch.setattr(Reconciler, "flush", _failing)
    disk.set("a", 1)
    with pytest.raises(StorageFailure):
        watcher.feed.sync(60)
    watcher.feed.detach(watcher)
    monkeypatch.undo()
    watcher = Recorder(disk)
    monkeypatch.setattr(Reconciler, "flush", _failing)
    with pytest.raises(StorageFailure):
        watcher.feed._hub._ask(lambda: None)  # type: ignore[attr-defined]
    assert [type(error) for error in watcher.ended] == [StorageFailure]
    watcher.feed.detach(watcher)


def _failing(_: Reconciler) -> None:
    raise ZeroDivisionError


def test_a_wait_without_end(disk: fsstore.Store) -> None:
    watcher = Recorder(disk)
    watcher.feed.sync(float("inf"))
    watcher.feed.detach(watcher)


def test_who_gives_up_waiting_is_forgotten(disk: fsstore.Store, root: Path) -> None:
    watcher = Recorder(disk)
    os.rename(root / "fsstore.json", root / "away")
    for _ in range(10):
        with pytest.raises(fsstore.WaitTimeout):
            watcher.feed.sync(0.0)
    os.rename(root / "away", root / "fsstore.json")
    watcher.feed.sync(60)
    assert watcher.feed._hub._syncs.waiting == []  # type: ignore[attr-defined]
    watcher.feed.detach(watcher)


def test_the_last_one_may_leave_while_it_is_told(disk: fsstore.Store) -> None:
    """So it is when what is dropped in the observer's thread closes a store."""
    shared: Any = disk._engine.feed()
    gone = threading.Event()

    class Leaving(Sink):
        def put(self, event: Any) -> None:
            shared.detach(self)
            gone.set()

    shared.attach(Leaving())
    [thread] = [each for each in threading.enumerate() if each.name == "fsstore-watch"]
    disk.set("a", 1)
    assert gone.wait(60)
    thread.join(60)
    assert not thread.is_alive()


def test_a_forked_child_keeps_no_list_of_what_it_writes(disk: fsstore.Store) -> None:
    watcher = Recorder(disk)
    engine: Any = disk._engine

    def child() -> None:
        assert engine._journal.own.noted is None
        disk.set("a", 1)
        assert feed._hubs == {}

    children.in_child(child)
    assert watcher.told() == ["created default/a 1 by tester"]
    assert not watcher._events
    watcher.feed.detach(watcher)


class LeavesTwice(FileFeed):
    """A flaw: whoever sees that nobody is left takes a user from the observer."""

    def detach(self, sink: Any) -> None:
        with self._mutex:
            hub = self._hub
            self._sinks.remove(sink)
            if not self._sinks:
                self._hub = None
        assert hub is not None
        hub.detach(sink)
        if self._hub is None:
            feed._leave(self._watched.tree.root, hub)


def test_a_flaw_that_leaves_twice_is_noticed(disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileFeed, "detach", LeavesTwice.detach)
    with pytest.raises((AssertionError, ValueError)):
        test_two_leave_at_the_same_time(disk, root, monkeypatch)
    monkeypatch.undo()


def test_the_observer_is_gone_between_two_looks(disk: fsstore.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks what is known while the last watcher leaves gets it, or is told that nothing is."""
    watcher = Recorder(disk)
    disk.set("a", 1)
    assert watcher.told() == ["created default/a 1 by tester"]
    looks = [watcher.feed._hub]  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(FileFeed, "_hub", property(lambda _: looks.pop() if looks else None), raising=False)
        assert list(watcher.feed.told()["default"]) == ["a"]
        with pytest.raises(Closed):
            watcher.feed.told()
    watcher.feed.detach(watcher)


def check_heard_late(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named watcher catches up after its observer has ended, and before it hears of that."""
    with fsstore.open(root) as disk:
        disk.set("a", 1)
        disk.watch(name="w").close()
        disk.set("b", 1)
    late, end = fsstore.open(root), Pending.end
    with late.watch(name="w") as subscription:
        told: list[Any] = []

        def hearing(self: Pending, error: Any) -> None:
            told.extend(subscription.get(timeout=0) for _ in range(2))
            end(self, error)

        monkeypatch.setattr(Pending, "end", hearing)
        late._engine.feed().close()  # type: ignore[attr-defined]
        monkeypatch.setattr(Pending, "end", end)
        assert [event and event.key for event in told] == ["b", None]
    late.close()
    with fsstore.open(root) as disk, disk.watch(name="w") as subscription:
        assert subscription.get(timeout=0) is None


def test_what_was_handled_is_not_forgotten_as_the_observer_ends(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_heard_late(root, monkeypatch)


def test_an_observer_that_has_ended_and_knows_of_no_key_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: where nobody watches, nothing is said to be there."""
    sound = FileFeed.told
    monkeypatch.setattr(FileFeed, "told", lambda self, name=None: sound(self, name) if self._hub else {})
    with pytest.raises(AssertionError):
        check_heard_late(root, monkeypatch)
