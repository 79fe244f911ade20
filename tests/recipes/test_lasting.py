"""The state that recipes keep lasts, also where a handle or a namespace says that keys end; what is added ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsstore import Store
from fsstore.recipes.recipe import Recipe

Pass = Callable[[float], None]
WAYS = {"a": ["b"], "b": ["a"]}


def use_all(space: Any) -> None:
    """Give each recipe a state."""
    space.barrier("barrier", 1).wait(0)
    looped = iter(space.checkpoint("looped", range(3)))
    assert [next(looped), next(looped)] == [0, 1]
    looped.close()
    space.checkpoint("mapped", range(3)).map(str, limit=2)
    queue = space.queue("queue", max_attempts=1)
    queue.put("dead", id="a")
    queue.work(lambda item: 1 // 0)
    queue.put("done", id="b")
    queue.work(str, results=True)
    queue.put("waiting", id="c")
    space.semaphore("semaphore", 2).acquire(0).release()
    space.state_machine("state", WAYS).to("b")
    space.throttle("throttle", 1, 10**9).acquire(0)


def is_all_there(space: Any) -> None:
    """Nothing of that is forgotten."""
    assert space.checkpoint("looped", range(3)).done == 1
    assert space.checkpoint("mapped", range(3)).map(str) == ["0", "1", "2"]
    queue = space.queue("queue")
    assert tuple(queue.stats()) == (1, 0, 0, 1, 1, 0)
    assert queue.collect(["b"]) == {"b": "done"}
    assert space.state_machine("state", WAYS).state == "b"
    assert {"barrier", "semaphore", "throttle"} < set(space.list_keys())


@pytest.fixture(params=["a handle", "a namespace"])
def ending(request: pytest.FixtureRequest, store: Store) -> Any:
    """A namespace in which keys end after a minute."""
    if request.param == "a handle":
        return store.use_namespace("ending", ttl=60)
    store._engine.set_rules("ending", {"ttl": 60}, store._writer)
    return store.use_namespace("ending")


def test_the_state_of_a_recipe_does_not_end(ending: Any, let_pass: Pass) -> None:
    use_all(ending)
    let_pass(61)
    is_all_there(ending)


@pytest.mark.parametrize("name", ["state", "looped"])
def test_a_flaw_is_seen_a_state_that_ends(store: Store, name: str, let_pass: Pass, monkeypatch: Any) -> None:
    monkeypatch.setattr(Recipe, "_update_lasting", lambda self, change: self._space.update(self.name, change))
    ending = store.use_namespace("ending", ttl=60)
    use_all(ending)
    let_pass(61)
    assert ending.get(name) is None


ADDED: dict[str, Callable[[Any], Any]] = {
    "cached": lambda space: space.cached("x", lambda: 1),
    "logbook": lambda space: space.logbook("x").append(1),
    "signal": lambda space: space.signal("x").set(),
    "statistics": lambda space: space.statistics("x").add(1),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_ends_as_the_handle_says(ending: Any, name: str, let_pass: Pass) -> None:
    ADDED[name](ending)
    assert ending.count() == 1
    let_pass(61)
    assert ending.count() == 0


def test_the_first_move_is_one_write_and_an_illegal_one_none(store: Store) -> None:
    machine = store.state_machine("m", WAYS)
    with pytest.raises(RuntimeError):
        machine.to("a")
    assert store.list_keys() == []
    machine.to("b")
    assert [move["from"] for move in machine.history] == ["a"]


def test_who_is_the_second_to_make_the_first_move_is_judged_by_it(store: Store, monkeypatch: Any) -> None:
    machine = store.state_machine("m", {"a": ["b"], "b": ["c"], "c": []})
    space = machine._space
    sound = type(space).exists

    def slow(self: Any, key: str) -> bool:
        found = sound(self, key)
        monkeypatch.undo()
        store.state_machine("m", {"a": ["b"], "b": ["c"], "c": []}).to("b")
        return found

    monkeypatch.setattr(type(space), "exists", slow)
    with pytest.raises(RuntimeError, match="does not go to 'b'"):
        machine.to("b")
    assert len(machine.history) == 1
