"""What is the same in all recipes: names, timeouts, and what is said of a file that a person has broken."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValue, InvalidName, Store

WAYS: dict[str, list[str]] = {"a": ["b"], "b": []}
Wait = Callable[[Any, Any], Any]
WAITS: dict[str, Wait] = {
    "barrier": lambda space, timeout: space.barrier("x", 2).wait(timeout),
    "collect": lambda space, timeout: space.queue("x").collect(["some"], timeout),
    "get": lambda space, timeout: space.queue("x").get(timeout),
    "pull": lambda space, timeout: space.queue("x").pull(timeout),
    "semaphore": lambda space, timeout: space.semaphore("x", 1).acquire(timeout),
    "signal": lambda space, timeout: space.signal("x").wait(timeout),
    "state machine": lambda space, timeout: space.state_machine("x", WAYS).wait("b", timeout=timeout),
    "throttle": lambda space, timeout: space.throttle("x", 1, 60).acquire(timeout),
    "wait_all": lambda space, timeout: space.wait_all(["x"], timeout),
    "wait_for": lambda space, timeout: space.wait_for("x", None, timeout),
    "work": lambda space, timeout: space.queue("x").work(str, timeout=timeout),
}


@pytest.mark.parametrize("timeout", [-1, math.nan], ids=repr)
@pytest.mark.parametrize("name", WAITS)
def test_no_time_to_wait_is_told_by_all(store: Store, name: str, timeout: float) -> None:
    with pytest.raises(ValueError, match=r"timeout=.* is no number of seconds"):
        WAITS[name](store, timeout)

    async def awaited() -> None:
        await WAITS[name](store.aio, timeout)

    with pytest.raises(ValueError, match=r"timeout=.* is no number of seconds"):
        asyncio.run(awaited())
    assert store.list_keys() in ([], ["x"])


RECIPES: dict[str, Callable[[Store, Any], Any]] = {
    "barrier": lambda store, name: store.barrier(name, 1),
    "checkpoint": lambda store, name: store.checkpoint(name, []),
    "logbook": lambda store, name: store.logbook(name),
    "queue": lambda store, name: store.queue(name),
    "semaphore": lambda store, name: store.semaphore(name, 1),
    "signal": lambda store, name: store.signal(name),
    "state machine": lambda store, name: store.state_machine(name, WAYS),
    "statistics": lambda store, name: store.statistics(name),
    "throttle": lambda store, name: store.throttle(name, 1, 1),
}


@pytest.mark.parametrize("name", [5, None, "\ud800"], ids=ascii)
@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_no_name_is_told_at_once(store: Store, recipe: str, name: Any) -> None:
    with pytest.raises(InvalidName):
        RECIPES[recipe](store, name)


USES: dict[str, Callable[[Any], Any]] = {
    "barrier": lambda store: store.barrier("x", 1).wait(0),
    "checkpoint": lambda store: list(store.checkpoint("x", [])),
    "semaphore": lambda store: store.semaphore("x", 1).acquire(0),
    "state machine": lambda store: store.state_machine("x", WAYS).to("b"),
    "statistics": lambda store: store.statistics("x").add(1),
    "throttle": lambda store: store.throttle("x", 1, 1).acquire(0),
}
NONSENSE = ["[1]", '"done"', "7", '{"state": 5, "done": "x"}', "{", ""]


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("recipe", USES)
def test_a_broken_file_is_a_bad_value_that_names_it_and_harms_nobody_else(
    tmp_path: Path, recipe: str, text: str
) -> None:
    with fsstore.open(tmp_path / "store", git=False) as store:
        USES[recipe](store)
        file = tmp_path / "store/default/x.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        with pytest.raises(BadValue) as raised:
            USES[recipe](store)
        assert (raised.value.namespace, raised.value.key) == ("default", "x")
        assert str(file) in str(raised.value)
        assert "Mend" in str(raised.value) or "set(" in str(raised.value) or "set " in str(raised.value)
        assert file.read_text() == text
        RECIPES[recipe](store, "y")
        USES[recipe](store.use_namespace("other"))
        file.unlink()
        USES[recipe](store)


HUGE = 10**400
LIMITS = {"limit": HUGE, "count": HUGE, "parties": HUGE, "seconds": 1, "entries": [], "waiting": [], "released": {}}


@pytest.mark.parametrize("recipe", ["barrier", "semaphore", "throttle"])
def test_a_limit_that_no_float_holds_is_another_limit(store: Store, recipe: str) -> None:
    store.set("x", LIMITS)
    with pytest.raises(fsstore.Conflict, match="edit or delete key 'x'"):
        USES[recipe](store)


@pytest.mark.parametrize("clock", [-1, -HUGE], ids=["-1", "-huge"])
def test_an_entry_from_before_the_start_of_time_is_none(store: Store, clock: int) -> None:
    store.set("x", {"count": 1, "seconds": 1, "boot": "x", "entries": [{"at": "", "clock": clock}]})
    with pytest.raises(BadValue, match="from 0 on"):
        USES["throttle"](store)


@pytest.mark.parametrize("who", ["x" * 5000, "a:b/c", "\x00", "." * 300], ids=["long", "parts", "zero", "dots"])
def test_somebody_who_was_typed_in_by_hand_does_not_count(store: Store, who: str) -> None:
    store.set("x", {"parties": 1, "waiting": [who], "released": {who: 0}})
    assert store.barrier("x", 1).wait(0) == 0
    assert json.dumps(who) not in json.dumps(store["x"])
