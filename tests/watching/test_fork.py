"""A forked child: what it inherits of a subscription is over at once, and it can watch anew."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from fsstore import Closed, Store, Subscription

from .helpers import PATIENCE, short, told, wait_until


def in_a_child(check: Callable[[], None]) -> None:
    """Run a check in a forked child; what it raises is shown, and fails here. A hang is one, too."""
    child = os.fork()
    if child == 0:
        timer = threading.Timer(PATIENCE, lambda: os._exit(3))
        timer.daemon = True
        timer.start()
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def is_over(subscription: Subscription) -> None:
    """It is ended, and says what to do."""
    assert subscription.closed
    with pytest.raises(Closed, match="watch"):
        next(subscription)
    with pytest.raises(Closed, match="watch"):
        subscription.get(timeout=0)
    subscription.close()


def test_an_inherited_subscription_is_over(store: Store) -> None:
    store.set("k", 0)
    with store.watch(replay=True) as subscription:
        in_a_child(lambda: is_over(subscription))
        store.set("k", 1)
        assert told(store, subscription) == ["created default/k=1", "ready"]


def test_one_that_was_waiting_in_another_thread_is_over(store: Store) -> None:
    found: list[str] = []
    with store.watch() as subscription:
        thread = threading.Thread(target=lambda: found.extend(map(short, subscription)))
        thread.start()
        in_a_child(lambda: is_over(subscription))
        store.set("k", 1)
        wait_until(lambda: found)
    thread.join(PATIENCE)
    assert found == ["created default/k=1"]


def test_one_whose_lock_was_held_is_over(store: Store) -> None:
    """By a thread that is not in the child: as in the middle of a put."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with subscription._pending._lock, store._watches._lock:
            held.set()
            done.wait(PATIENCE)

    subscription = store.watch()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE)
    try:
        in_a_child(lambda: is_over(subscription))
    finally:
        done.set()
        thread.join(PATIENCE)


def test_a_callback_is_not_called_in_the_child(store: Store) -> None:
    called: list[int] = []

    def check() -> None:
        assert subscription.closed
        store.set("k", 2)
        store.sync(PATIENCE)
        assert called == [os.getppid()]
        subscription.close()

    with store.watch(callback=lambda event: called.append(os.getpid())) as subscription:
        store.set("k", 1)
        store.sync(PATIENCE)
        in_a_child(check)
        store.sync(PATIENCE)
        assert set(called) == {os.getpid()}


def test_a_child_watches_anew(store: Store) -> None:
    def check() -> None:
        assert store.watch_status().mode == "off"
        with store.watch(name="w") as mine:
            store.set("k", 2)
            assert told(store, mine) == ["updated default/k=2"]
        assert store.wait_for("k") == 2
        thread = threading.Thread(target=lambda: store.set("new", 1))
        thread.start()
        assert store.wait_for("new", timeout=PATIENCE) == 1
        thread.join()

    store.set("k", 1)
    with store.watch(), store.watch(callback=print):
        in_a_child(check)


def test_a_callback_may_fork(store: Store) -> None:
    """The thread that goes on in the child is that of the subscription; it ends there."""
    statuses: list[int] = []

    def fork(event: object) -> None:
        child = os.fork()
        if child == 0:
            os._exit(0 if subscription.closed else 1)
        statuses.append(os.waitpid(child, 0)[1])

    with store.watch(callback=fork, name="w") as subscription:
        store.set("k", 1)
        store.sync(PATIENCE)
    assert statuses == [0]


ORDER = """
import os, sys, threading, time
import fsstore.engines.files.watching.feed  # its part of a fork comes first then
import fsstore

with fsstore.open(sys.argv[1]) as store:
    subscription = store.watch()
    held, done = threading.Event(), threading.Event()

    def hold():
        with subscription._pending._lock, store._watches._lock, store._watches.waiters._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    store._watches.waiters.enter()
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if subscription.closed else 1)
    done.set()
    thread.join()
    store._watches.waiters.leave()
    end = time.monotonic() + float(sys.argv[2])
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.kill(child, 9)  # it hangs
        time.sleep(0.01)
    sys.exit(os.waitstatus_to_exitcode(found[1]))
"""


def test_a_child_comes_into_being_whatever_was_imported_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORDER, str(tmp_path / "s"), str(PATIENCE)]
    assert subprocess.run(command, check=False, timeout=2 * PATIENCE).returncode == 0
