"""What a subscription is told, in what order, and how it ends: on every engine."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import fsstore
from fsstore import Closed, Event, InvalidName, Store, UnsupportedType
from fsstore.records import Author
from fsstore.watching.pending import Pending

from .helpers import PATIENCE, last, short, take, told, wait_until


def test_the_three_kinds_of_change(store: Store) -> None:
    with store.watch() as subscription:
        store.set("k", 1)
        assert told(store, subscription) == ["created default/k=1"]
        store.set("k", 2)
        assert told(store, subscription) == ["updated default/k=2"]
        store.delete("k")
        assert told(store, subscription) == ["deleted default/k"]
        assert subscription.pending == 0


def test_all_that_an_event_says(store: Store) -> None:
    handle = store.handle("n", agent="alice", run="run-1")
    handle.set("k", [1])
    before = store.handle("n").info("k")
    with store.watch() as subscription:
        handle.set("k", [2])
        store.sync(PATIENCE)
        (event,) = take(subscription)
    record = store.handle("n").info("k")
    assert (event.kind, event.namespace, event.key, event.value) == ("updated", "n", "k", [2])
    assert event.revision == record.revision
    assert event.old_revision in (before.revision, None)
    assert (event.source.agent, event.source.run, event.source.by_hand) == ("alice", "run-1", False)
    assert (event.own, event.merged, event.commit, event.error) == (True, 0, None, None)
    assert abs(datetime.fromisoformat(event.time) - datetime.now(UTC)) < timedelta(minutes=5)
    assert event.as_dict()["agent"] == "alice"


def test_an_event_is_printed_as_people_read_it() -> None:
    author = Author(agent="alice")
    event = Event("updated", "n", "k", [2], b"\0" * 52, b"\1" * 52, author, 1.5, merged=3)
    fields = f"kind='updated', namespace='n', key='k', value=[2], source={author!r}, at=1.5, merged=3"
    assert repr(event) == f"Event({fields})"
    assert repr(Event("ready")) == "Event(kind='ready')"
    assert repr(Event("created", "n", "k", own=True)) == "Event(kind='created', namespace='n', key='k', own=True)"


def test_keys_that_were_changed_together_say_so(store: Store) -> None:
    with store.watch() as subscription:
        store.set_many({"a": 1, "b": 2})
        with store.transaction() as tx:
            tx.set("c", 1)
            tx.use_namespace("other").set("d", 2)
        store.set("e", 3)
        store.sync(PATIENCE)
        commits = {event.key: event.commit for event in take(subscription)}
    assert commits["a"] == commits["b"] != commits["c"] == commits["d"]
    assert None not in (commits["a"], commits["c"])
    assert commits["e"] is None


def test_what_does_not_change_a_value_is_no_event(store: Store) -> None:
    store.set("k", 1)
    with store.watch() as subscription:
        store.set("k", 1)
        store.delete("not there")
        store.get("k")
        store.list_keys()
        with pytest.raises(RuntimeError), store.transaction() as tx:
            tx.set("k", 2)
            raise RuntimeError
        assert told(store, subscription) == []


def test_namespaces_and_prefixes(store: Store) -> None:
    other = store.use_namespace("other")
    everything, of_all = store.watch(), store.watch("a:")
    of_one, of_other, of_both = store.watch(namespace="default"), other.watch(), other.watch("a:")
    store.set("a:1", 1)
    store.set("b", 1)
    other.set("a:2", 1)
    other.set("ab", 1)
    wanted = {
        everything: ["default/a:1", "default/b", "other/a:2", "other/ab"],
        of_all: ["default/a:1", "other/a:2"],
        of_one: ["default/a:1", "default/b"],
        of_other: ["other/a:2", "other/ab"],
        of_both: ["other/a:2"],
    }
    for subscription, keys in wanted.items():
        assert sorted(told(store, subscription)) == [f"created {key}=1" for key in keys]


def test_replay_tells_what_is_there_and_then_ready(store: Store) -> None:
    store.set_many({"b": 2, "a": 1})
    store.use_namespace("other").set("c", 3)
    with store.watch(replay=True) as subscription:
        store.set("later", 4)
        found = told(store, subscription)
        assert sorted(found[:3]) == ["created default/a=1", "created default/b=2", "created other/c=3"]
        assert found[3:] == ["ready", "created default/later=4"]
    with store.watch("a", namespace="default", replay=True) as subscription:
        assert told(store, subscription) == ["created default/a=1", "ready"]
    with store.use_namespace("empty").watch(replay=True) as subscription:
        assert told(store, subscription) == ["ready"]


def test_an_initial_state_of_any_size_is_told_whole(store: Store) -> None:
    store.set_many({f"k{number}": number for number in range(50)})
    with store.watch(replay=True, max_pending=3) as subscription:
        assert subscription.pending == 51
        for number in range(3):
            store.set(f"new {number}", 1)
        found = told(store, subscription)
        assert len(found) == 54
        assert "resync" not in found


def test_too_many_changes_are_one_resync(store: Store) -> None:
    with store.watch(max_pending=3) as subscription:
        for number in range(10):
            store.set(f"k{number}", number)
            store.sync(PATIENCE)
        event = subscription.get(PATIENCE)
        assert event is not None
        assert event.kind == "resync"
        assert subscription.pending <= 3
        take(subscription)
        store.set("after", 1)
        assert told(store, subscription) == ["created default/after=1"]


def test_own_writes_can_be_left_out(store: Store) -> None:
    with store.watch(own=False) as subscription, store.watch() as all_of_them:
        store.set("k", 1)
        store.use_namespace("other").set_many({"a": 1, "b": 2})
        assert told(store, subscription) == []
        assert len(told(store, all_of_them)) == 3


def test_each_subscriber_gets_a_value_of_its_own(store: Store) -> None:
    one, two = store.watch(), store.watch()
    store.set("k", {"list": []})
    store.sync(PATIENCE)
    ((first,), (second,)) = take(one), take(two)
    first.value["list"].append("mine")
    assert second.value == store.get("k") == {"list": []}


def test_a_run_that_is_taken_back_is_told_too(store: Store) -> None:
    store.set("k", 1)
    with store.watch() as subscription:
        with pytest.raises(RuntimeError), store.run("agent", snapshot=False, on_error="rollback") as run:
            run.set("k", 2)
            run.set("new", 1)
            assert sorted(told(store, subscription)) == ["created default/new=1", "updated default/k=2"]
            raise RuntimeError
        assert sorted(told(store, subscription)) == ["deleted default/new", "updated default/k=1"]


def test_get_waits_as_long_as_it_is_told_to(store: Store) -> None:
    with store.watch() as subscription:
        assert subscription.get(timeout=0) is None
        assert subscription.get(timeout=0.01) is None
        timer = threading.Timer(0.05, lambda: store.set("k", 1))
        timer.start()
        event = subscription.get(PATIENCE)
        assert event is not None
        assert short(event) == "created default/k=1"
        timer.join()


def test_an_iteration_ends_when_the_subscription_is_closed(store: Store) -> None:
    subscription = store.watch()
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(map(short, subscription)))
    thread.start()
    store.set("k", 1)
    wait_until(lambda: found)
    subscription.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert found == ["created default/k=1"]


def test_a_closed_subscription_tells_nothing(store: Store) -> None:
    assert not store.watch().closed
    subscription = store.watch()
    store.set("k", 1)
    store.sync(PATIENCE)
    subscription.close()
    subscription.close()
    assert subscription.closed
    assert list(subscription) == []
    assert (subscription.get(), subscription.pending) == (None, 0)


def test_an_iteration_ends_when_the_store_is_closed(store: Store) -> None:
    subscriptions = [store.watch(), store.use_namespace("n").watch(), store.watch(callback=print)]
    threads = [threading.Thread(target=list, args=(each,)) for each in subscriptions[:2]]
    for thread in threads:
        thread.start()
    store.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert all(each.closed for each in subscriptions)
    with pytest.raises(Closed):
        store.watch()


def test_several_threads_share_one_subscription(store: Store) -> None:
    found: list[str] = []
    with store.watch() as subscription:
        threads = [threading.Thread(target=lambda: found.extend(event.key for event in subscription)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(100):
            store.set(f"k{number}", number)
        wait_until(lambda: len(found) == 100)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert sorted(found) == sorted(f"k{number}" for number in range(100))


def test_the_status_says_whether_anybody_watches(store: Store) -> None:
    assert store.watch_status().mode == "off"
    store.set("k", 1)
    with store.watch(), store.watch():
        status = store.watch_status()
        assert status.mode in ("memory", "inotify")
        assert (status.subscriptions, status.keys) == (2, 1)
    assert store.watch_status().mode == "off"


def test_a_subscription_that_nobody_holds_is_no_burden(store: Store) -> None:
    dropped = weakref.ref(store.watch())
    gc.collect()
    assert dropped() is None
    assert store.watch_status().mode == "off"


def test_no_thread_is_left(store: Store) -> None:
    before = set(threading.enumerate())
    one, two = store.watch(), store.watch(callback=print)
    assert len(set(threading.enumerate()) - before) <= 2
    one.close()
    two.close()
    assert set(threading.enumerate()) == before


def test_of_many_changes_the_last_state_is_told(store: Store) -> None:
    """Whatever is merged: what was told last of each key is what is there."""
    with store.watch() as subscription:
        for number in range(300):
            store.set(f"k{number % 7}", number)
            if number % 11 == 0:
                store.delete(f"k{number % 5}")
        store.sync(PATIENCE)
        events = last(take(subscription))
    state = {key: event.value for (_, key), event in events.items() if event.kind != "deleted"}
    assert state == store.get_all()


WRONG: dict[str, tuple[Callable[[Store], Any], type[Exception]]] = {
    "a prefix that is no text": (lambda s: s.watch(7), InvalidName),  # type: ignore[arg-type]
    "a namespace that is none": (lambda s: s.watch(namespace=""), InvalidName),
    "a debounce that is negative": (lambda s: s.watch(debounce=-1), ValueError),
    "a debounce that is no number": (lambda s: s.watch(debounce=float("nan")), ValueError),
    "no room for an event": (lambda s: s.watch(max_pending=0), ValueError),
    "a name that is empty": (lambda s: s.watch(name=""), InvalidName),
    "a callback that is no function": (lambda s: s.watch(callback="k"), TypeError),  # type: ignore[arg-type]
    "a callback that has to be awaited": (lambda s: s.watch(callback=_coroutine), UnsupportedType),
    "a predicate that has to be awaited": (lambda s: s.wait_for("k", _coroutine), UnsupportedType),
    "to iterate where a callback gets the events": (lambda s: next(s.watch(callback=print)), TypeError),
    "to take an event from a callback": (lambda s: s.watch(callback=print).get(0), TypeError),
}


async def _coroutine(value: Any) -> None:
    """Is not called."""


@pytest.mark.parametrize(("call", "error"), WRONG.values(), ids=WRONG.keys())
def test_what_makes_no_sense_is_refused(store: Store, call: Callable[[Store], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        call(store)


def test_the_verbs_are_reported(store: Store) -> None:
    seen: list[fsstore.Operation] = []
    handle = store.handle("n", ops=seen.append)
    handle.watch("p").close()
    handle.set("k", 1)
    handle.wait_for("k")
    assert [(each.op, each.key, each.count) for each in seen] == [
        ("watch", "p", 0),
        ("set", "k", 1),
        ("wait_for", "k", 1),
    ]


def test_own_writes_are_left_out_from_the_first_moment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between the instant when a subscription is told of changes and the one when it is complete."""
    settle = Pending.settle

    def settled(self: Pending, *args: Any, **named: Any) -> None:
        store.set("k", 1)
        store._engine.feed().sync(PATIENCE)
        settle(self, *args, **named)

    monkeypatch.setattr(Pending, "settle", settled)
    with store.watch(own=False) as subscription:
        assert told(store, subscription) == []


def test_a_wait_without_end_and_one_without_time(store: Store) -> None:
    with store.watch(callback=lambda event: None):
        store.sync(float("inf"))
        store.sync(0.0)
        store.sync(-1.0)
