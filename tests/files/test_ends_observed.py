"""What an observer does about ends: what it costs, what it keeps, and what it makes of clocks and of late looks."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import StorageFailure, Store
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.sidecars import parse as parse_sidecar
from fsstore.engines.files.watching import endings, timers
from fsstore.engines.files.watching.endings import Endings
from fsstore.engines.files.watching.inotify import ISDIR, LimitReached
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.timers import Timers

PAST, FAR = "2000-01-01T00:00:00+00:00", "2200-01-01T00:00:00+00:00"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")

Pass = Callable[[float], None]


class Clock:
    """A clock that is set, and counts what it is asked for."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.since_start = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.since_start

    def monotonic_ns(self) -> int:
        return int(self.since_start * 1e9)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fsstore.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what knows the ends, and of nothing else."""
    clock = Clock(1e9)
    monkeypatch.setattr(endings, "time", clock)
    monkeypatch.setattr(timers, "time", clock)
    return clock


class Numbers:
    """Instead of the kernel: it takes any directory, or none after some."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.limit, self.paths = limit, dict[bytes, int]()
        self.removed: list[int] = []

    def add(self, path: bytes, fd: int) -> int:
        if path not in self.paths and len(self.paths) >= self.limit:
            raise LimitReached
        return self.paths.setdefault(path, len(self.paths) + 1)

    def remove(self, number: int) -> None:
        self.removed.append(number)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every content of a file of metadata that was read for its end."""
    found: list[bytes] = []
    sound = parse_sidecar

    def counting(raw: bytes) -> dict[str, Any]:
        found.append(raw)
        return sound(raw)

    monkeypatch.setattr(endings, "parse", counting)
    return found


def known(store: Store, notifier: Any = None) -> Endings:
    found = Endings(Tree(store._engine.place), notifier, 1 << 20)
    found.add("default")
    return found


def write(store: Store, key: str, at: str) -> None:
    path = Path(store._engine.place) / "default/.meta" / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"expires": at}))


def test_what_did_not_change_is_not_read_again(store: Store, reads: list[bytes], clock: Clock) -> None:
    store.set_many({f"{part}:{number}": 1 for part in "abc" for number in range(10)}, ttl=3600)
    found = known(store)
    assert found.take() == set()
    assert (len(found.ends), len(reads)) == (30, 30)
    for _ in range(3):
        found.add_all()
        assert found.take() == set()
    assert len(reads) == 30
    store.touch("a:1", 7200)
    store.delete("b:1")
    shutil.rmtree(Path(store._engine.place) / "default/.meta/c")
    found.add_all()
    found.take()
    assert (len(found.ends), len(reads)) == (19, 31)


def test_what_may_be_written_again_is_read_again(store: Store, reads: list[bytes], clock: Clock) -> None:
    store.set("k", 1, ttl=3600)
    clock.now = os.stat(Path(store._engine.place) / "default/.meta/k.json").st_ctime
    found = known(store)
    found.take()
    found.add_all()
    found.take()
    assert len(reads) == 2


def test_a_new_directory_costs_what_is_in_it(store: Store, reads: list[bytes], clock: Clock) -> None:
    store.set("a:b:k", 1, ttl=3600)
    numbers = Numbers()
    found = known(store, numbers)
    found.take()
    top = numbers.paths[os.fsencode(Path(store._engine.place) / "default/.meta")]
    for part in range(50):
        store.set(f"p{part}:k", 1, ttl=3600)
        found.hint(top, f"p{part}", ISDIR)
        found.take()
    assert (len(found.ends), len(reads)) == (51, 51)
    shutil.rmtree(Path(store._engine.place) / "default/.meta")
    found.add("default")
    found.take()
    assert (found.ends, found.watched, set(numbers.removed)) == ({}, {}, set(numbers.paths.values()))


def test_timers_that_mean_nothing_any_more_are_let_go(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "_SPARE", 10)
    store.set_many({"k": 1, "l": 1}, ttl=3600)
    write(store, "l", PAST)
    clock.now = 9e8
    numbers = Numbers()
    found = known(store, numbers)
    found.take()
    (number,) = found.watched
    for second in range(200):
        write(store, "k", f"2100-01-01T00:{second // 60:02}:{second % 60:02}+00:00")
        found.hint(number, "k.json", 0)
        found.take()
        assert len(found._timers._soonest) <= 15
    clock.now = 5e9
    assert found.take() == {"default/k.json", "default/l.json"}


def test_an_end_is_not_lost_when_the_clock_is_set_back_right_then(store: Store, clock: Clock) -> None:
    store.set("root", 1, ttl=3600)
    write(store, "k", "2001-09-09T02:00:00+00:00")
    found = known(store)
    clock.now = 1000000800.0 - 1
    assert found.take() == set()
    clock.now += 2
    assert found.take() == {"default/k.json"}
    clock.now -= 100
    assert found.has_ended("default/k.json")


@pytest.mark.parametrize("anew", [None, 1e9 + 500])
def test_an_end_that_had_come_is_kept_when_the_clock_is_set_back_before_it_is_taken_away(
    clock: Clock, anew: float | None
) -> None:
    """A round finds the end come, the clock is set back, and somebody sweeps or sets the key anew: it had ended."""
    found = Timers()
    found.note("default/k.json", clock.now + 5)
    clock.now += 6
    found.begin()
    clock.now -= 100
    assert found.has_come("default/k.json")
    found.note("default/k.json", anew)
    assert found.over == {"default/k.json": 1e9 + 5}
    assert found.take() == {"default/k.json"}


def test_who_sleeps_until_an_end_looks_at_the_clock_now_and_then(store: Store, clock: Clock) -> None:
    store.set("k", 1, ttl=3600)
    found = known(store)
    found.take()
    due = found.next_time()
    assert due is not None
    assert 0 < due - clock.monotonic_ns() <= 60 * 1e9 + 1
    clock.now = 4e9  # it is set, or the machine was suspended
    assert found.next_time() == clock.monotonic_ns()
    assert found.take() == {"default/k.json"}


def test_where_the_kernel_takes_no_more_directories_ends_are_polled(store: Store, clock: Clock) -> None:
    store.set("a:k", 1, ttl=3600)
    found = known(store, Numbers(limit=1))
    found.take()  # where it finds out
    found.take()
    assert list(found.ends) == ["default/a/k.json"]
    shutil.rmtree(Path(store._engine.place) / "default/.meta/a")
    assert found.take() == set()
    assert list(found.ends) == ["default/a/k.json"]
    clock.now = 1.0  # the clock of the day has no part in it
    clock.since_start += 2
    found.take()
    assert found.ends == {}


# -- what came first -------------------------------------------------------------------------------


class Recorder:
    """Takes events as they are told, before any are merged."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, event.key) for event in self.events]

    def put(self, event: Any) -> None:
        self.events.append(event)

    def end(self, error: Exception | None) -> None:
        """No more."""


def told_while_busy(store: Store, patch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[tuple[str, str]]:
    """What is told of a time in which the observer was busy."""
    store.set("k", 1, ttl=3600)
    free, sound = threading.Event(), Reconciler.flush

    def flush(self: Reconciler) -> None:
        assert free.wait(60)
        sound(self)

    patch.setattr(Reconciler, "flush", flush)
    feed, recorder = store._engine.feed(), Recorder()
    free.set()
    feed.attach(recorder)
    feed.sync(60)
    free.clear()
    try:
        act()
    finally:
        free.set()
    feed.sync(60)
    feed.detach(recorder)
    return recorder.told


@pytest.mark.parametrize("verb", ["sweep", "delete"])
def test_an_end_is_told_though_the_file_is_gone_before_anybody_looked(
    store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass, verb: str
) -> None:
    def act() -> None:
        let_pass(7200)
        store.sweep() if verb == "sweep" else store.delete("k")

    assert told_while_busy(store, monkeypatch, act) == [("expired", "k")]


def test_what_was_deleted_before_its_end_was_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass
) -> None:
    def act() -> None:
        store.delete("k")
        let_pass(7200)

    assert told_while_busy(store, monkeypatch, act) == [("deleted", "k")]


def test_an_end_that_goes_unseen_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass) -> None:
    """A flaw: nobody keeps when a key had ended of which nothing is left."""
    monkeypatch.setattr(Endings, "end_of_gone", lambda self, path: None)
    with pytest.raises(AssertionError):
        test_an_end_is_told_though_the_file_is_gone_before_anybody_looked(store, monkeypatch, let_pass, "sweep")


def check_ended_and_linked(store: Store, let_pass: Pass, *, is_told: bool) -> None:
    """The file of a key that has ended becomes a link, before or after its end was told: there is no such key."""
    store.set("k", 1, ttl=3600)
    path = Path(store._engine.place) / "default/k.json"
    feed, recorder = store._engine.feed(), Recorder()
    feed.attach(recorder)
    let_pass(7200)
    if is_told:
        path.touch()
        feed.sync(60)
    path.with_name("link").symlink_to(os.devnull)
    path.with_name("link").rename(path)
    assert store.get("k", None) is None
    feed.sync(60)
    feed.detach(recorder)
    assert recorder.told == [("expired", "k")]


@pytest.mark.parametrize("is_told", [False, True])
def test_what_has_ended_cannot_be_read_and_is_no_bad_value(store: Store, let_pass: Pass, is_told: bool) -> None:
    check_ended_and_linked(store, let_pass, is_told=is_told)


def test_an_observer_that_asks_for_the_end_only_of_what_can_be_read_is_noticed(
    store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass
) -> None:
    sound = Reconciler._has_ended

    def has_ended(self: Reconciler, directory: Any, name: str, status: os.stat_result) -> bool:
        return not stat.S_ISLNK(status.st_mode) and sound(self, directory, name, status)

    monkeypatch.setattr(Reconciler, "_has_ended", has_ended)
    with pytest.raises(AssertionError):
        check_ended_and_linked(store, let_pass, is_told=True)


# -- what comes between two looks ------------------------------------------------------------------


class Taken(list[tuple[float, str]]):
    """Timers of which the last one is taken as soon as somebody has seen that there is one."""

    def __bool__(self) -> bool:
        is_any = len(self) > 0
        self.clear()
        return is_any


def test_the_last_end_is_taken_while_another_thread_asks_for_it(clock: Clock) -> None:
    found = Timers()
    found._soonest = Taken([(clock.now + 5, "default/k.json")])
    assert found.seconds() in (None, 5.0)


ANEW: dict[str, Callable[[Store], object]] = {
    "same": lambda store: store.set("k", 1),
    "other": lambda store: store.set("k", 2),
    "that ends, too": lambda store: store.set("k", 2, ttl=7200),
    "sweep": lambda store: store.sweep(),
    "delete": lambda store: store.delete("k"),
}


def told_between(
    store: Store, patch: pytest.MonkeyPatch, let_pass: Pass, anew: Callable[[Store], object]
) -> list[tuple[str, Any]]:
    """What is told of a key that is changed after its file was opened, and before the file of its end is read."""
    store.set("k", 1, ttl=3600)
    left, sound = [anew], Timers.has_come

    def has_come(self: Timers, path: str) -> bool:
        is_so = sound(self, path)
        if is_so and left:
            left.pop()(store)
        return is_so

    patch.setattr(Timers, "has_come", has_come)
    feed, recorder = store._engine.feed(), Recorder()
    feed.attach(recorder)
    feed.sync(60)
    let_pass(3601)
    (Path(store._engine.place) / "default/k.json").touch()
    feed.sync(60)
    feed.detach(recorder)
    assert not left
    return [(event.kind, event.value and event.value.of(event).value) for event in recorder.events]


@pytest.mark.parametrize("name", ANEW)
def test_what_is_set_anew_while_the_observer_looks_is_told_after_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass, name: str
) -> None:
    told = told_between(store, monkeypatch, let_pass, ANEW[name])
    assert told == [("expired", None), *[("created", value) for value in store.get_all().values()]]


def test_an_end_that_was_taken_back_and_counts_is_noticed(
    store: Store, monkeypatch: pytest.MonkeyPatch, let_pass: Pass
) -> None:
    """A flaw: whether a key has ended is asked before the file of its end is read once more."""
    sound = Endings.has_ended
    monkeypatch.setattr(Endings, "has_ended", lambda self, path: sound(self, path) or path in self.over)
    with pytest.raises(StorageFailure):
        test_what_is_set_anew_while_the_observer_looks_is_told_after_its_end(store, monkeypatch, let_pass, "other")
