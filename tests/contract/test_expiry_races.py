"""Keys that end by themselves while others touch, copy, update or sweep them: each schedule is scripted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from fsstore import Conflict, Event, Store, StoreError, Unsupported
from fsstore.engines import memory
from fsstore.engines.files import preparing
from fsstore.gathered import Gathered
from fsstore.namespace import Handle
from fsstore.ops import Put

Pass = Callable[[float], None]


def once_after(patch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let somebody act after the first call of a handle's method, before what follows it."""
    sound, left = getattr(Handle, name), [act]

    def method(self: Handle, *args: Any, **options: Any) -> Any:
        found = sound(self, *args, **options)
        if left:
            left.pop()()
        return found

    patch.setattr(Handle, name, method)


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_what_is_copied_ends_as_its_source_does_at_that_instant(
    store: Store, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    store.set("k", 1, ttl=60)
    ends: list[str | None] = []

    def touch() -> None:
        store.touch("k", 600)
        ends.append(store.expires("k"))

    once_after(monkeypatch, "_duplicate", touch)
    getattr(store, verb)("k", "l")
    assert [store.expires("l")] == ends


@pytest.mark.parametrize("before", [None, 60])
def test_an_update_in_a_transaction_leaves_the_end_that_another_gives(store: Store, before: float | None) -> None:
    store.set("n", 1, ttl=before)
    with store.transaction() as tx:
        tx.increment("n")
        store.touch("n", 600)
    assert store.get("n") == 2
    ends = store.expires("n")
    assert ends is not None
    with store.transaction() as tx:
        tx.merge("o", {"a": 1})
        tx.increment("n")
        assert tx.expires("n") == ends
        tx.touch("n", 6000)
        tx.increment("n")
        tx.persist("n")
        tx.append("p", 1)
        tx.touch("p", 60)
        tx.append("p", 2)
        assert tx.expires("p") is not None
    assert (store.get("n"), store.expires("n"), store.get("p")) == (4, None, [1, 2])
    assert store.expires("p") is not None


@pytest.mark.parametrize("verb", ["touch", "persist"])
def test_who_decides_by_an_end_that_is_changed_meanwhile_decides_anew(store: Store, verb: str) -> None:
    store.set("k", 1, ttl=60)
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.set("seen", tx.expires("k"))
        store.touch("k", 600) if verb == "touch" else store.persist("k")
    assert store.list_keys() == ["k"]
    with store.transaction() as tx:
        tx.set("seen", tx.get("k"))
        store.touch("k", 900)  # of which it knows nothing
    assert store.get("seen") == 1


FLAWS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Store, pytest.MonkeyPatch], None]]] = {
    "ends of what was copied are not checked": (
        lambda patch: _ends_not_checked(patch),
        lambda store, patch: test_what_is_copied_ends_as_its_source_does_at_that_instant(store, patch, "move"),
    ),
    "ends that were read are not checked": (
        lambda patch: _ends_not_checked(patch),
        lambda store, _: test_who_decides_by_an_end_that_is_changed_meanwhile_decides_anew(store, "touch"),
    ),
    "an update sets the end that it knew": (
        lambda patch: patch.setattr(Gathered, "updated", _with_the_end_that_it_knew),
        lambda store, _: test_an_update_in_a_transaction_leaves_the_end_that_another_gives(store, None),
    ),
}


def _ends_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(memory, "require_end", lambda *_: None)
    patch.setattr(preparing, "require_end", lambda *_: None)


def _with_the_end_that_it_knew(self: Gathered, op: Any, raw: bytes, *, exists: bool) -> Put:
    return Put(op.namespace, op.key, raw, expires=op.expires)


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_noticed(store: Store, name: str) -> None:
    flaw, proof = FLAWS[name]
    with pytest.MonkeyPatch.context() as patch:
        flaw(patch)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            proof(store, patch)


@pytest.mark.parametrize("verb", ["set", "touch", "nothing"])
def test_sweeping_leaves_what_came_back_while_it_looked(
    store: Store, let_pass: Pass, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """The sweep has its list; then the key is set anew, perhaps with an end, and only then it removes."""
    store.set_many({"k": 1, "l": 1}, ttl=60)
    let_pass(61)
    engine = store._engine
    sound = type(engine).ended

    def ended(self: Any, namespace: str | None = None) -> list[tuple[str, str]]:
        found = sound(self, namespace)
        if verb != "nothing":
            store.set("k", 2, ttl=None if verb == "set" else 60)
        if verb == "touch":
            store.touch("k", 600)
        return found

    monkeypatch.setattr(type(engine), "ended", ended)
    assert store.sweep() == (2 if verb == "nothing" else 1)
    assert store.get_all() == ({} if verb == "nothing" else {"k": 2})


def test_two_sweeps_count_each_key_once(store: Store, let_pass: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set_many({"k": 1, "l": 1}, ttl=60)
    let_pass(61)
    counts: list[int] = []
    sound = type(store._engine).ended

    def ended(self: Any, namespace: str | None = None) -> list[tuple[str, str]]:
        found = sound(self, namespace)
        monkeypatch.undo()
        monkeypatch.setattr(time, "time", lambda: 5e9)
        counts.append(store.sweep())
        return found

    monkeypatch.setattr(type(store._engine), "ended", ended)
    counts.append(store.sweep())
    assert counts == [2, 0]


def test_a_transaction_does_not_sweep(store: Store) -> None:
    with pytest.raises(Unsupported, match="Sweep its store"), store.transaction() as tx:
        tx.sweep()


@pytest.mark.parametrize("ttl", [10**400, 1e300, 1e12])
def test_what_ends_after_the_last_date_ends_at_the_last_date(store: Store, ttl: float) -> None:
    store.set("k", 1, ttl=ttl)
    assert store.expires("k") == "9999-12-31T23:59:59.000000+00:00"
    store.move("k", "l")
    assert (store.get("l"), store.expires("l")) == (1, "9999-12-31T23:59:59.000000+00:00")
    store.persist("l")
    store.touch("l", math.inf)
    assert store.expires("l") is None


class Recorder:
    """Takes events as they are told, before any are merged."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def put(self, event: Event) -> None:
        """One more."""
        self.told.append((event.kind, event.key))

    def end(self, error: StoreError | None) -> None:
        """No more."""


def test_what_is_set_anew_after_its_end_is_told_as_new(store: Store, let_pass: Pass) -> None:
    store.set_many({"same": 1, "other": 1, "gone": 1}, ttl=60)
    feed, recorder = store._engine.feed(), Recorder()
    feed.attach(recorder)
    feed.sync(60)
    let_pass(61)
    store.set("same", 1)
    store.set("other", 2, ttl=600)
    store.delete("gone")
    feed.sync(60)
    feed.detach(recorder)
    assert {key: [kind for kind, of in recorder.told if of == key] for key in ("same", "other", "gone")} == {
        "same": ["expired", "created"],
        "other": ["expired", "created"],
        "gone": ["expired"],
    }


def test_who_comes_after_the_end_is_not_told_of_its_sweeping(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, ttl=60)
    let_pass(61)
    told: list[tuple[str, str]] = []
    with store.watch(callback=lambda event: told.append((event.kind, event.key))):
        store.sync()
        assert store.sweep() == 1
        store.set("l", 1)
        store.sync()
    assert told == [("created", "l")]
