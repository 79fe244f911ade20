"""A store that is closed by one thread while another watches it, decided step by step: nothing false is noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Closed, Store, Subscription
from fsstore.engines.files.watching.feed import FileFeed
from fsstore.events import Told
from fsstore.watching.watches import Watches

from .helpers import short


def watched_too_late(store: Store, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Subscription:
    """Who begins to watch a store that is being closed, when all were ended that watched it before."""
    store.watch(**options).close()
    late: list[Subscription] = []
    sound = Watches.close

    def close(self: Watches) -> None:
        sound(self)
        late.append(store.watch(**options))

    with monkeypatch.context() as patch:
        patch.setattr(Watches, "close", close)
        store.close()
    return late[0]


def told_until_its_end(subscription: Subscription) -> list[str]:
    """What it is told; the last of it is handled, too."""
    with subscription:
        return [short(event) for event in subscription]


def told_of_what_went(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a watcher is told who comes back, after a key went that it was told of while the store was closed."""
    store = fsstore.open(root)
    store.set("a", 1)
    subscription = watched_too_late(store, monkeypatch, name="w", replay=True)
    assert told_until_its_end(subscription) == ["created default/a=1", "ready"]
    with fsstore.open(root) as again:
        again.delete("a")
        subscription = again.watch(name="w")
        again.sync(60)
        with subscription:
            return [short(event) for event in iter(lambda: subscription.get(timeout=0), None)]


def test_what_was_told_while_the_store_was_closed_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody watches any more, it is not known that nothing is there."""
    assert told_of_what_went(tmp_path / "store", monkeypatch) == ["deleted default/a"]


def test_what_was_handled_is_not_saved_when_nobody_watches_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fsstore.open(tmp_path / "store")
    store.set("a", 1)
    subscription = watched_too_late(store, monkeypatch, replay=True)
    with subscription, pytest.raises(Closed):
        subscription.save(tmp_path / "handled")
    assert not (tmp_path / "handled").exists()


def leaving(monkeypatch: pytest.MonkeyPatch, do: Any) -> None:
    """Let something happen right after the feed has looked whether there is an observer, once."""
    left = [do]

    def look(self: FileFeed) -> Any:
        found = self.__dict__["_hub"]
        if left:
            left.pop()()
        return found

    def note(self: FileFeed, hub: Any) -> None:
        self.__dict__["_hub"] = hub

    monkeypatch.setattr(FileFeed, "_hub", property(look, note), raising=False)


def test_the_last_one_leaves_while_it_is_asked_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fsstore.open(tmp_path / "store") as store:
        subscription = store.watch()
        leaving(monkeypatch, subscription.close)
        with pytest.raises(Closed):
            subscription.save(tmp_path / "handled")
        monkeypatch.undo()
    assert not (tmp_path / "handled").exists()


def _nothing_is_there(self: FileFeed, namespace: str | None = None) -> Told:
    """A flaw: where nobody watches any more, nothing is known to be there; it is looked twice who watches."""
    return {} if self._hub is None else self._hub.told(namespace)


def test_a_flaw_that_knows_what_nobody_watches_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FileFeed, "told", _nothing_is_there)
        assert told_of_what_went(tmp_path / "one", patch) == []
    with monkeypatch.context() as patch:
        patch.setattr(FileFeed, "told", _nothing_is_there)
        with pytest.raises(pytest.fail.Exception):
            test_what_was_handled_is_not_saved_when_nobody_watches_any_more(tmp_path / "two", patch)
    with monkeypatch.context() as patch:
        patch.setattr(FileFeed, "told", _nothing_is_there)
        with pytest.raises(AttributeError):
            test_the_last_one_leaves_while_it_is_asked_what_is_known(tmp_path / "three", patch)
