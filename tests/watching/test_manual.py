"""Watchers that say themselves what they have handled: in any order, from any thread, and nothing is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from fsstore import Event, Store, Subscription
from fsstore.watching.manual import ManualProgress
from fsstore.watching.progress import Progress

from .helpers import PATIENCE, short, take


def watch(store: Store, **options: Any) -> Subscription:
    return store.watch(**{"name": "w", "manual": True, **options})


def events(store: Store, subscription: Subscription) -> dict[str, Event]:
    """All that waits once everything until now is told, by key; the last one is not in hand any more."""
    store.sync(PATIENCE)
    return {event.key or event.kind: event for event in take(subscription)}


def left(store: Store) -> list[str]:
    """What comes again to a watcher of this name; it handles nothing."""
    with watch(store) as subscription:
        return sorted(map(short, events(store, subscription).values()))


def check_only_what_was_not_handled_comes_again(store: Store) -> None:
    with watch(store) as subscription:
        store.set_many({"a": 1, "b": 2, "c": 3})
        found = events(store, subscription)
        subscription.handled(found["b"])
    assert left(store) == ["created default/a=1", "created default/c=3"]
    assert left(store) == ["created default/a=1", "created default/c=3"]


def test_only_what_was_not_handled_comes_again(store: Store) -> None:
    check_only_what_was_not_handled_comes_again(store)


def test_that_it_counts_as_handled_what_it_handed_on_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ManualProgress, "advance", Progress.advance)
    with pytest.raises(AssertionError):
        check_only_what_was_not_handled_comes_again(store)


def test_what_is_in_hand_may_be_handled_and_is_not_without_a_word(store: Store) -> None:
    with watch(store) as subscription:
        store.set("a", 1)
        first = subscription.get(PATIENCE)
        assert first is not None
        subscription.handled(first)
        store.set("b", 1)
        assert subscription.get(PATIENCE) is not None
    assert left(store) == ["created default/b=1"]


def check_two_events_of_a_key(store: Store) -> None:
    """The first is handled while the second is in somebody's hands."""
    with watch(store) as subscription:
        store.set("k", 1)
        first = events(store, subscription)["k"]
        store.set("k", 2)
        second = events(store, subscription)["k"]
        subscription.handled(first)
    with watch(store) as subscription:
        [again] = events(store, subscription).values()
        assert (short(again), again.old_revision) == ("updated default/k=2", first.revision)
        subscription.handled(again)
    assert again.revision == second.revision
    assert left(store) == []


def test_an_older_event_of_a_key_is_handled_and_a_newer_is_not(store: Store) -> None:
    check_two_events_of_a_key(store)


def test_a_newer_event_covers_the_older(store: Store) -> None:
    with watch(store) as subscription:
        store.set("k", 1)
        events(store, subscription)
        store.set("k", 2)
        subscription.handled(events(store, subscription)["k"])
    assert left(store) == []


def test_deletes(store: Store) -> None:
    store.set_many({"a": 1, "b": 1})
    with watch(store) as subscription:
        store.delete_many(["a", "b"])
        subscription.handled(events(store, subscription)["a"])
    assert left(store) == ["deleted default/b"]


def test_an_initial_state_is_handled_one_by_one(store: Store) -> None:
    store.set_many({"a": 1, "b": 2})
    with watch(store, replay=True) as subscription:
        found = events(store, subscription)
        assert [*found][-1] == "ready"
        subscription.handled(found["a"])
    assert left(store) == ["created default/b=2"]
    with watch(store) as subscription:
        subscription.handled(events(store, subscription)["b"])
    assert left(store) == []


@pytest.mark.parametrize("is_handled", [False, True])
def test_what_was_dropped_comes_again_unless_it_was_read_anew(store: Store, is_handled: bool) -> None:
    with watch(store, max_pending=2) as subscription:
        store.set("in hand", 0)
        events(store, subscription)
        store.set_many({"a": 1, "b": 2, "c": 3})
        found = events(store, subscription)
        assert [*found] == ["resync"]
        if is_handled:
            subscription.handled(found["resync"])
    dropped = [] if is_handled else ["created default/a=1", "created default/b=2", "created default/c=3"]
    assert left(store) == [*dropped, "created default/in hand=0"]


def test_a_resync_that_is_handled_late_forgets_nothing(store: Store) -> None:
    """What was handled after it was handed on is newer than the state that is noted with it."""
    store.set("old", 0)
    with watch(store, max_pending=2) as subscription:
        store.set_many({"a": 1, "b": 2, "c": 3})
        resync = events(store, subscription)["resync"]
        store.set("new", 1)
        store.delete("old")
        for event in events(store, subscription).values():
            subscription.handled(event)
        subscription.handled(resync)
    store.delete("new")
    assert left(store) == ["deleted default/new"]


def test_a_saved_state_has_what_was_handled(store: Store, tmp_path: Path) -> None:
    with watch(store, name=None, replay=True) as subscription:
        store.set_many({"a": 1, "b": 2})
        subscription.handled(events(store, subscription)["a"])
        subscription.save(tmp_path / "saved")
    assert [short(event) for event in store.changes(tmp_path / "saved")] == ["created default/b=2"]


def test_from_another_thread_while_one_waits(store: Store) -> None:
    with watch(store) as subscription:
        store.set("a", 1)
        first = subscription.get(PATIENCE)
        assert first is not None
        waiting = threading.Thread(target=subscription.get, daemon=True)
        waiting.start()
        subscription.handled(first)
        store.set("b", 1)
        waiting.join(PATIENCE)
        assert not waiting.is_alive()
    assert left(store) == ["created default/b=1"]


def test_after_the_end_it_is_nothing(store: Store) -> None:
    with watch(store) as subscription:
        store.set("a", 1)
        found = events(store, subscription)
    subscription.handled(found["a"])
    assert left(store) == ["created default/a=1"]


def test_who_may_not_say_so(store: Store) -> None:
    with store.watch() as subscription, pytest.raises(TypeError, match="manual=True"):
        subscription.handled(Event("created", "default", "k"))
    with pytest.raises(ValueError, match="manual"):
        store.watch(callback=print, manual=True)
