"""Subscriptions with a callback: one thread each, in order, whatever the callback raises."""

from __future__ import annotations

import logging
import threading

import pytest

from fsstore import Event, Store, Subscription, WaitTimeout

from .helpers import PATIENCE, short, wait_until


def test_it_is_called_in_order_in_one_thread_of_its_own(store: Store) -> None:
    called: list[tuple[str, int]] = []

    def note(event: Event) -> None:
        called.append((short(event), threading.get_ident()))

    store.set("k", 0)
    subscription = store.watch(callback=note, replay=True)
    store.sync(PATIENCE)  # else what waits of the key and what follows are one event
    for number in range(1, 4):
        store.set("k", number)
        store.sync(PATIENCE)
    subscription.close()
    store.set("k", 4)
    store.sync(PATIENCE)
    assert [what for what, _ in called] == [
        "created default/k=0",
        "ready",
        *(f"updated default/k={number}" for number in (1, 2, 3)),
    ]
    assert len({thread for _, thread in called}) == 1
    assert called[0][1] != threading.get_ident()


def test_what_it_raises_is_logged_and_ends_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    called: list[str] = []

    def fail(event: Event) -> None:
        called.append(event.key)
        if event.key == "a":
            raise KeyError("on purpose")
        if event.key == "b":
            raise SystemExit(3)

    with caplog.at_level(logging.ERROR, "fsstore"), store.watch(callback=fail):
        for key in "abc":
            store.set(key, 1)
            store.sync(PATIENCE)
    assert called == ["a", "b", "c"]
    assert [record.name for record in caplog.records] == ["fsstore", "fsstore"]
    assert "'a'" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info is not None


def test_sync_waits_for_the_callbacks(store: Store) -> None:
    may_go_on, returned = threading.Event(), threading.Event()

    def wait(event: Event) -> None:
        may_go_on.wait(PATIENCE)
        returned.set()

    with store.watch(callback=wait):
        store.set("k", 1)
        with pytest.raises(WaitTimeout):
            store.sync(0.2)
        threading.Timer(0.05, may_go_on.set).start()
        store.sync(PATIENCE)
        assert returned.is_set()


def test_sync_in_a_callback_does_not_wait_for_callbacks(store: Store) -> None:
    """Two that wait for each other are the worst that can be."""
    both_in, synced = threading.Barrier(2, timeout=PATIENCE), []

    def wait(event: Event) -> None:
        both_in.wait()
        store.sync(PATIENCE)
        synced.append(event.key)

    with store.watch(callback=wait), store.watch(callback=wait):
        store.set("k", 1)
        store.sync(PATIENCE)
        assert synced == ["k", "k"]


def test_sync_does_not_wait_for_those_that_iterate(store: Store) -> None:
    with store.watch(), store.watch() as subscription:
        store.set("k", 1)
        store.sync(PATIENCE)
        assert subscription.pending == 1


def test_sync_hands_on_what_waits_for_further_changes(store: Store) -> None:
    called: list[str] = []
    with store.watch(callback=lambda event: called.append(short(event)), debounce=1000.0):
        store.set("k", 1)
        store.sync(PATIENCE)
        assert called == ["created default/k=1"]


def test_a_callback_may_close_its_subscription(store: Store) -> None:
    called: list[str] = []
    made: list[Subscription] = []
    is_made = threading.Event()

    def close(event: Event) -> None:
        is_made.wait(PATIENCE)
        called.append(event.key)
        made[0].close()

    made.append(store.watch(callback=close))
    is_made.set()
    for key in "ab":
        store.set(key, 1)
        store.sync(PATIENCE)
    assert called == ["a"]
    assert made[0].closed
    wait_until(lambda: store.watch_status().subscriptions == 0)  # it is still in its last call


def test_closing_waits_for_the_callback_under_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsstore.watching.subscription._PATIENCE", PATIENCE)
    began, may_go_on = threading.Event(), threading.Event()
    returned: list[int] = []

    def wait(event: Event) -> None:
        began.set()
        may_go_on.wait(PATIENCE)
        returned.append(1)

    subscription = store.watch(callback=wait)
    store.set("k", 1)
    assert began.wait(PATIENCE)
    threading.Timer(0.05, may_go_on.set).start()
    subscription.close()
    assert returned == [1]


def test_it_goes_on_though_nobody_holds_the_subscription(store: Store) -> None:
    called: list[str] = []
    store.watch(callback=lambda event: called.append(event.key))
    store.set("k", 1)
    store.sync(PATIENCE)
    assert called == ["k"]


def test_a_callback_may_write(store: Store) -> None:
    def double(event: Event) -> None:
        if event.kind != "deleted":
            store.use_namespace("out").set(event.key, event.value * 2)

    with store.watch(namespace="default", callback=double):
        for number in range(20):
            store.set(f"k{number}", number)
        wait_until(lambda: store.use_namespace("out").count() == 20)
    assert store.use_namespace("out").get_all() == {f"k{number}": 2 * number for number in range(20)}


def test_several_share_one_store(store: Store) -> None:
    counts = [0] * 8

    def counting(index: int) -> None:
        def count(event: Event) -> None:
            counts[index] += 1

        store.watch(callback=count)

    for index in range(8):
        counting(index)
    store.set_many({f"k{number}": number for number in range(50)})
    store.sync(PATIENCE)
    assert counts == [50] * 8
