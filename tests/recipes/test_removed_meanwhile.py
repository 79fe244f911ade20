"""Somebody removes a recipe's key right after it was seen: it is made again, to last, and nobody is told nonsense."""

from __future__ import annotations

from typing import Any

import pytest
from files.scripted import after

from fsstore import Store
from fsstore.watching.doors import Watchable

WAYS = {"a": ["b"], "b": ["a"]}


@pytest.fixture
def ending(store: Store) -> Any:
    """A namespace in which keys end."""
    return store.use_namespace("ending", ttl=60)


def remove_when_seen(space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is there when it is looked for, and then not any more."""
    after(monkeypatch, Watchable, "exists", lambda: space.delete("key"), lambda _, key: key == "key")


def test_a_throttle(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ending.throttle("key", 5, 1000).acquire(0)
    remove_when_seen(ending, monkeypatch)
    ending.throttle("key", 5, 1000).acquire(0)
    assert len(ending.get("key")["entries"]) == 1
    assert ending.expires("key") is None


def test_a_barrier(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending.barrier("key", 1).wait(0) == 0
    remove_when_seen(ending, monkeypatch)
    assert ending.barrier("key", 1).wait(0) == 0
    assert ending.expires("key") is None


def test_a_semaphore(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ending.semaphore("key", 2).acquire(0).release()
    remove_when_seen(ending, monkeypatch)
    ending.semaphore("key", 2).acquire(0).release()
    assert ending.get("key") == {"limit": 2}
    assert ending.expires("key") is None


def test_a_state_machine(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ending.state_machine("key", WAYS).to("b")
    remove_when_seen(ending, monkeypatch)
    assert ending.state_machine("key", WAYS).to("b") == "b"
    assert ending.expires("key") is None


def test_the_first_item_of_a_checkpoint(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ending.set("key", None)  # nothing is done
    remove_when_seen(ending, monkeypatch)
    assert list(ending.checkpoint("key", range(2))) == [0, 1]
    assert ending.expires("key") is None
