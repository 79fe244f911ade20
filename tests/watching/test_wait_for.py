"""Waiting for one key: check, subscribe, check, so that no change falls between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from files.alarm import within

import fsstore
from fsstore import BadValue, Closed, Event, Store, WaitTimeout
from fsstore.ops import MISSING
from fsstore.watching.waiters import Name, Waiters, Wanted

from .helpers import PATIENCE, wait_until


def in_a_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """What a call returns or raises, once the thread has ended."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def test_what_is_there_is_not_waited_for(store: Store) -> None:
    store.set("k", None)
    assert store.wait_for("k") is None
    assert store.wait_for("k", lambda value: value is None, timeout=0) is None
    assert store.watch_status().mode == "off"


def test_it_waits_until_the_key_is_there(store: Store) -> None:
    thread, found = in_a_thread(lambda: store.wait_for("k"))
    wait_until(lambda: store.watch_status().subscriptions)
    store.set("other", 1)
    store.use_namespace("n").set("k", 1)
    store.set("k", {"v": 2})
    thread.join(PATIENCE)
    assert found == [{"v": 2}]
    assert store.watch_status().mode == "off"


def test_it_waits_until_the_value_is_as_wanted(store: Store) -> None:
    store.set("k", 0)
    seen: list[int] = []

    def is_enough(value: int) -> bool:
        seen.append(value)
        return value >= 3

    thread, found = in_a_thread(lambda: store.wait_for("k", is_enough))
    wait_until(lambda: seen)
    for number in (1, 2):
        store.set("k", number)
        wait_until(lambda number=number: number in seen)  # type: ignore[misc]
    store.delete("k")
    store.set("k", 3)
    thread.join(PATIENCE)
    assert found == [3]


def test_it_gives_up(store: Store) -> None:
    with pytest.raises(WaitTimeout, match="'k'") as caught:
        store.wait_for("k", timeout=0.02)
    assert caught.value.seconds == 0.02
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(WaitTimeout):
        store.wait_for("k", timeout=0)
    store.set("k", 1)
    with pytest.raises(WaitTimeout, match="what it was waited for to be"):
        store.wait_for("k", lambda value: value == 2, timeout=0.02)
    assert store.watch_status().mode == "off"


def test_what_the_predicate_raises_is_raised(store: Store) -> None:
    store.set("k", 1)
    with pytest.raises(ZeroDivisionError):
        store.wait_for("k", lambda value: value / 0)
    store.set("k", 0)
    thread, found = in_a_thread(lambda: store.wait_for("k", lambda value: value and 1 / (value - 1)))
    wait_until(lambda: store.watch_status().subscriptions)
    store.set("k", 1)
    thread.join(PATIENCE)
    assert isinstance(found[0], ZeroDivisionError)
    assert store.watch_status().mode == "off"


def test_closing_the_store_ends_the_wait(store: Store) -> None:
    waiting = [in_a_thread(lambda: store.wait_for("k")) for _ in range(3)]
    wait_until(lambda: store.watch_status().subscriptions)
    store.close()
    for thread, found in waiting:
        thread.join(PATIENCE)
        assert [type(each) for each in found] == [Closed]


def test_many_wait_at_the_price_of_one(store: Store) -> None:
    waiting = [in_a_thread(lambda number=number: store.wait_for(f"k{number % 4}")) for number in range(20)]  # type: ignore[misc]
    wait_until(lambda: sum(map(len, list(store._watches.waiters._waiting.values()))) == 20)
    assert store.watch_status().subscriptions == 1
    store.set_many({f"k{number}": number for number in range(4)})
    for number, (thread, found) in enumerate(waiting):
        thread.join(PATIENCE)
        assert found == [number % 4]


def test_a_file_that_cannot_be_read_is_waited_for(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.set("k", 1)
        file = tmp_path / "s" / "default" / "k.json"
        file.write_text("{ nonsense")
        with pytest.raises(WaitTimeout, match=r"k\.json") as caught:
            store.wait_for("k", timeout=0.02)
        assert isinstance(caught.value.__cause__, BadValue)
        assert str(caught.value) == f"waited {caught.value.seconds:g} s in vain: {caught.value.__cause__}"
        thread, found = in_a_thread(lambda: store.wait_for("k"))
        wait_until(lambda: store.watch_status().subscriptions)
        file.write_text("2\n")
        thread.join(PATIENCE)
        assert found == [2]


def test_another_process_is_heard(tmp_path: Path) -> None:
    import subprocess
    import sys

    with fsstore.open(tmp_path / "s") as store:
        code = f"import fsstore; fsstore.open({str(tmp_path / 's')!r}).set('k', 'from outside')"
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            assert store.wait_for("k", timeout=PATIENCE) == "from outside"
        assert process.returncode == 0


# -- a change at any moment --------------------------------------------------------------------------


def misses_a_change(store: Store, moment: str, kind: type[Waiters]) -> bool:
    """Whether a change that is complete right before a step of the wait goes unnoticed."""
    waiters = kind(store._engine.feed)
    sound = getattr(waiters, moment)
    left = [1]

    def after_a_change(*args: Any) -> Any:
        if left:
            left.clear()
            store.set("k", 1)
            store.sync(PATIENCE)
        return sound(*args)

    setattr(waiters, moment, after_a_change)
    try:
        waiters.wait(Wanted(store._engine, store.name, "k", None), 0.3 if kind is not Waiters else PATIENCE)
    except WaitTimeout:
        return True
    finally:
        store.delete("k")
        store.sync(PATIENCE)
    return False


class ChecksTooEarly(Waiters):
    """It looks, and only then says that it wants to be woken."""

    def wait(self, wanted: Wanted, timeout: float | None) -> Any:
        """Wait in this thread."""
        self.enter()
        gate = threading.Lock()
        gate.acquire()
        try:
            while (found := wanted.look()) is MISSING:
                self.add(wanted.name, gate.release)
                if not gate.acquire(timeout=-1 if timeout is None else timeout):
                    raise wanted.timed_out(timeout)
            return found
        finally:
            self.discard(wanted.name, gate.release)
            self.leave()


@pytest.mark.parametrize("moment", ["enter", "add"])
def test_a_change_between_two_steps_is_noticed(store: Store, moment: str) -> None:
    assert not misses_a_change(store, moment, Waiters)


def test_a_flaw_that_checks_before_it_subscribes_is_noticed(store: Store) -> None:
    assert misses_a_change(store, "add", ChecksTooEarly)


def test_who_is_woken_has_to_ask_again(store: Store) -> None:
    woken: list[Name] = []
    waiters = Waiters(store._engine.feed)
    name = ("n", "k")
    waiters.add(name, lambda: woken.append(name))
    waiters.put(Event("created", "n", "other"))
    assert woken == []
    waiters.put(Event("created", *name))
    waiters.put(Event("updated", *name))
    assert woken == [name]


@pytest.mark.parametrize("step", ["add", "discard"])
def test_a_signal_handler_ends_the_waiting_while_its_own_thread_begins_or_ends_to_wait(step: str) -> None:
    """Exactly in the middle of either: in what it asks the table of those who wait."""
    waiters = Waiters(lambda: None)  # type: ignore[arg-type, return-value]
    ended = Closed("just now")

    class Interrupted(dict[Any, Any]):
        def get(self, *args: Any) -> Any:
            found = super().get(*args)
            waiters.end(ended)
            return found

        def setdefault(self, *args: Any) -> Any:  # as `get`, for who uses that
            found = super().setdefault(*args)
            waiters.end(ended)
            return found

    def wake() -> None:
        pass

    with within(10):
        if step == "discard":
            waiters.add(("n", "k"), wake)
            waiters._waiting = Interrupted(waiters._waiting)
            waiters.discard(("n", "k"), wake)
        else:
            waiters._waiting = Interrupted()
            with pytest.raises(Closed, match="just now"):
                waiters.add(("n", "k"), wake)
    assert not waiters._waiting
