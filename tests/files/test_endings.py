"""Watchers of keys that end by themselves: told when the end has come, whoever set it and wherever it is written."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import Event, Store
from fsstore.engines.files.watching.endings import Endings
from fsstore.engines.files.watching.timers import Timers
from fsstore.keys import path_of

FAR, PAST = "2200-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture(params=["inotify", "polling"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "polling":
        fsstore.open(tmp_path / "store").close()
        from fsstore.opening import configure

        configure(tmp_path / "store", "watch", "polling")
    elif not sys.platform.startswith("linux"):
        pytest.skip("inotify is Linux's")
    with fsstore.open(tmp_path / "store", agent="tester") as store:
        yield store


class Watcher:
    """Gathers what is told."""

    def __init__(self, store: Store, **options: object) -> None:
        self._store, self._told = store, list[Event]()
        self.subscription = store.watch(callback=self._told.append, **options)  # type: ignore[arg-type]
        self.take()

    def take(self) -> list[tuple[str, str]]:
        """Kind and key of all that was complete before, and has not been taken."""
        self._store.sync()
        told, self._told[:] = list(self._told), []
        return [(event.kind, event.key) for event in told]

    def until(self, kind: str, key: str) -> list[tuple[str, str]]:
        """All that is told until this is."""
        found: list[tuple[str, str]] = []
        deadline = time.monotonic() + 60
        while (kind, key) not in found:
            assert time.monotonic() < deadline, found
            found += self.take()
        return found


def beside(store: Store, key: str) -> Path:
    """The file that says when a key ends."""
    root, _, below = path_of("default", key).partition("/")
    return Path(store.info("root").path).parents[1] / root / ".meta" / below


def end(store: Store, key: str, at: str = PAST) -> Path:
    """A person writes when a key ends."""
    path = beside(store, key)
    path.write_text(json.dumps({"expires": at}))
    return path


@pytest.fixture
def store(disk: Store) -> Store:
    disk.set("root", 0)
    return disk


def test_an_end_is_told_once_and_its_sweeping_is_not(store: Store) -> None:
    store.set_many({"k": 1, "a:b:c": 2, "lasting": 3}, ttl=3600)
    watcher = Watcher(store)
    end(store, "k")
    end(store, "a:b:c")
    assert sorted(watcher.take()) == [("expired", "a:b:c"), ("expired", "k")]
    assert store.sweep() == 2
    assert watcher.take() == []
    store.set("k", 1)
    assert watcher.take() == [("created", "k")]


def test_the_event_says_what_was_there_and_when_it_ended(store: Store) -> None:
    store.set("k", 1, ttl=3600)
    revision = store.info("k").revision
    told: list[Event] = []
    with store.watch("k", replay=True, callback=told.append):
        store.sync()
        end(store, "k")
        store.sync()
    event = told[-1]
    assert (event.kind, event.namespace, event.key, event.value) == ("expired", "default", "k", None)
    assert (event.revision, event.old_revision) == (None, revision)
    assert event.time.startswith("2000-01-01")
    assert event.as_dict()["kind"] == "expired"


def test_a_key_ends_while_nothing_else_happens(store: Store) -> None:
    watcher = Watcher(store)
    store.set("k", 1, ttl=3600)
    assert watcher.take() == [("created", "k")]
    store.touch("k", 0.2)
    assert watcher.until("expired", "k") == [("expired", "k")]
    assert store.get("k") is None
    store.touch("root", 0.2)
    assert watcher.until("expired", "root") == [("expired", "root")]


def test_the_same_value_set_after_the_end_is_created(store: Store) -> None:
    store.set("k", 1, ttl=3600)
    watcher = Watcher(store)
    end(store, "k")
    assert watcher.take() == [("expired", "k")]
    store.set("k", 1, ttl=3600)
    assert watcher.take() == [("created", "k")]


def test_an_end_that_was_put_off_or_taken_back_is_not_told(store: Store) -> None:
    store.set_many({"off": 1, "back": 1, "last": 1}, ttl=3600)
    watcher = Watcher(store)
    store.touch("off", 7200)
    store.persist("back")
    store.touch("last", 0.01)
    assert watcher.until("expired", "last") == [("expired", "last")]
    assert store.get_many(["off", "back"]) == {"off": 1, "back": 1}
    assert watcher.take() == []


def test_a_person_can_bring_back_what_has_ended(store: Store) -> None:
    store.set("k", 1, ttl=3600)
    watcher = Watcher(store)
    path = end(store, "k")
    assert watcher.take() == [("expired", "k")]
    path.write_text(json.dumps({"expires": FAR}))
    assert watcher.take() == [("created", "k")]
    assert store.get("k") == 1
    end(store, "k")
    assert watcher.take() == [("expired", "k")]
    shutil.rmtree(path.parent)  # the rules, too: nothing ends here any more
    assert watcher.until("created", "k") == [("created", "k")]


def test_who_comes_is_told_nothing_of_what_has_ended_and_who_comes_back_is_told_so(store: Store) -> None:
    store.set_many({"k": 1, "l": 1}, ttl=3600)
    with store.watch("", name="w") as subscription:
        store.sync()
        assert subscription.get(timeout=0) is None
    end(store, "k")
    with store.watch("", replay=True) as subscription:
        store.sync()
        told = [subscription.get(timeout=60) for _ in range(3)]
        assert [(event.kind, event.key) for event in told if event] == [
            ("created", "l"),
            ("created", "root"),
            ("ready", ""),
        ]
    with store.watch("", name="w") as subscription:
        event = subscription.get(timeout=60)
        assert event is not None
        assert (event.kind, event.key) == ("expired", "k")
    with store.watch("", name="w") as subscription:
        store.sync()
        assert subscription.get(timeout=0) is None


def test_other_namespaces_and_damaged_ends_harm_nobody(store: Store) -> None:
    other = store.use_namespace("x:y")
    other.set("plain", 1, {"expires": "not this one"})
    store.set_many({"k": 1, "bad": 1}, ttl=3600)
    watcher = Watcher(store)
    beside(store, "bad").write_text('{"expires": "soon"}')
    beside(store, "k").write_text("{")
    Path(other.info("plain").path).parents[0].joinpath(".meta/plain.json").write_text(json.dumps({"expires": PAST}))
    assert watcher.take() == []
    assert (store.get("k"), store.get("bad"), other.get("plain")) == (1, 1, 1)
    end(store, "k")
    assert watcher.take() == [("expired", "k")]


FLAWS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "hints about ends are not taken": lambda patch: patch.setattr(Endings, "hint", lambda *_: None),
    "an end is believed without a second look": lambda patch: patch.setattr(Endings, "_read", lambda *_: None),
    "only what ends is told": lambda patch: patch.setattr(Timers, "note", _note_ends_only),
}


def _note_ends_only(self: Timers, path: str, end: float | None) -> None:
    if end is not None:
        self.ends[path] = end
        self._changed.add(path)


@linux
@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    FLAWS[name](monkeypatch)
    with fsstore.open(tmp_path / "store") as store:
        store.set("root", 0)
        with pytest.raises(AssertionError):
            test_a_person_can_bring_back_what_has_ended_at_once(store)


def test_a_person_can_bring_back_what_has_ended_at_once(store: Store) -> None:
    """The same without a wait that a flaw would make long."""
    store.set("k", 1, ttl=3600)
    watcher = Watcher(store)
    path = end(store, "k")
    assert watcher.take() == [("expired", "k")]
    os.unlink(path)
    assert watcher.take() == [("created", "k")]
