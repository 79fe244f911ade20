"""Signals, and the waiting for several keys: whoever writes them, and however late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import InvalidName, Store, WaitTimeout
from fsstore.recipes import arrivals
from fsstore.steps import Steps, Waiting, run

from .crews import PATIENCE


def test_a_signal_is_waited_for(store: Store) -> None:
    signal = store.signal("go")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(signal.wait, PATIENCE)
        assert not signal.is_set()
        signal.set({"build": 7})
        assert waiting.result(PATIENCE) == {"build": 7}
    assert (signal.is_set(), signal.wait(0), store.get("go")) == (True, {"build": 7}, {"build": 7})
    assert (signal.clear(), signal.clear(), signal.is_set()) == (True, False, False)
    signal.set()
    assert signal.wait(0) is True


@pytest.mark.parametrize("value", [None, False, 0, ""], ids=repr)
def test_any_value_is_one(store: Store, value: Any) -> None:
    store.signal("go").set(value)
    assert store.signal("go").wait(0) == value


def test_a_signal_in_coroutines(store: Store) -> None:
    async def story() -> list[Any]:
        signal = store.aio.signal("go")
        tasks = [asyncio.create_task(signal.wait(PATIENCE)) for _ in range(50)]
        await asyncio.sleep(0)
        await signal.set(5)
        return await asyncio.gather(*tasks)

    assert asyncio.run(story()) == [5] * 50


def test_a_person_may_write_the_file(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store", git=False) as store, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.signal("approved").wait, PATIENCE)
        (tmp_path / "store/default").mkdir(exist_ok=True)
        (tmp_path / "store/default/approved.json").write_text('"by Ada"\n')
        assert waiting.result(PATIENCE) == "by Ada"


def test_a_signal_that_does_not_come(store: Store) -> None:
    with pytest.raises(WaitTimeout, match="'go'"):
        store.signal("go").wait(0.01)


# -- several keys -----------------------------------------------------------------------------------


def test_all_are_given_in_the_order_in_which_they_were_named(store: Store) -> None:
    store.set_many({"a": None, "b": 2})
    assert list(store.wait_all(["b", "a", "b"], timeout=0).items()) == [("b", 2), ("a", None)]
    assert store.wait_all([]) == {}


def test_they_come_one_after_the_other(store: Store) -> None:
    keys = [f"part:{number}" for number in range(20)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.wait_all, iter(keys), PATIENCE)
        for key in reversed(keys):
            assert not waiting.done()
            store.set(key, key)
        assert waiting.result(PATIENCE) == {key: key for key in keys}


def test_in_coroutines(store: Store) -> None:
    async def story() -> list[dict[str, int]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        tasks = [asyncio.create_task(store.aio.wait_all(["a", "b"], PATIENCE)) for _ in range(50)]
        await store.aio.set("b", 2)
        await store.aio.set("a", 1)
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(story()) == [{"a": 1, "b": 2}] * 50


def all_are_there_at_once(store: Store) -> None:
    """One goes while another is waited for; both are given as they are at one instant, or waited for again."""
    store.set("a", 1)
    work = store.wait_all.steps(["a", "b"], PATIENCE)
    assert isinstance(next(work), Waiting)
    store.set("b", 2)
    store.delete("a")
    try:
        wait = work.send(2)
    except StopIteration as done:
        raise AssertionError(f"gave {done.value}") from None
    assert isinstance(wait, Waiting)
    store.set("a", 3)
    with pytest.raises(StopIteration) as given:
        work.send(wait.block())
    assert given.value.value == {"a": 3, "b": 2}


def _one_by_one(space: Any, keys: Any, timeout: Any) -> Steps[dict[str, Any]]:
    found = {}
    for key in keys:
        found[key] = space.get(key) if space.exists(key) else (yield arrivals.arrival(space, key, None, timeout))
    return found


def test_all_of_them_are_there_at_once(store: Store) -> None:
    all_are_there_at_once(store)


def test_reading_them_one_by_one_is_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "all_there", _one_by_one)
    with pytest.raises(AssertionError):
        all_are_there_at_once(store)


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_what_is_missing_is_named(store: Store, seconds: float) -> None:
    store.set("b", 1)
    with pytest.raises(WaitTimeout, match=r"'a', 'c' had not come within") as raised:
        store.wait_all(["a", "b", "c"], timeout=seconds)
    assert (raised.value.missing, raised.value.seconds) == (["a", "c"], seconds)
    with pytest.raises(WaitTimeout, match=r"'k9' and 90 more had"):
        store.wait_all([f"k{number}" for number in range(100)], timeout=0)


def test_a_bad_file_is_waited_for_and_named(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store", git=False) as store, ThreadPoolExecutor(1) as pool:
        store.set("a", 1)
        (tmp_path / "store/default/b.json").write_text("{")
        with pytest.raises(WaitTimeout, match=r"'b' had not come.*b\.json"):
            store.wait_all(["a", "b"], timeout=0.1)
        waiting = pool.submit(store.wait_all, ["a", "b"], PATIENCE)
        (tmp_path / "store/default/b.json").write_text("{}")
        assert waiting.result(PATIENCE) == {"a": 1, "b": {}}


@pytest.mark.parametrize("wrong", ["abc", [5], ["\ud800"]], ids=ascii)
def test_no_keys(store: Store, wrong: Any) -> None:
    check: Callable[..., Any] = store.wait_all
    with pytest.raises(InvalidName):
        check(wrong, timeout=0)
    with pytest.raises(InvalidName):
        run(store.wait_all.steps(wrong, 0))
