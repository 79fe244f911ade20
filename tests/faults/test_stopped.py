"""A commit of several keys that is stopped after any of its system calls: other processes see all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from files.mounts import read_only_view

import fsstore
from fsstore import LockTimeout, Store

from .disturbed import ROUNDS, Scene, telling
from .flaws import flawed
from .stopping import steps, stopped_after
from .traced import Call
from .verbs import NEW, VERBS, State, Verb, complaint, state

pytestmark = pytest.mark.usefixtures("strace")

SEVERAL = [verb for verb in VERBS if verb.writes > 1 or verb.name == "copy"]
"""The verbs that change several files; a copy makes two."""
SET_MANY = next(verb for verb in VERBS if verb.name == "set_many")

Values = dict[str, dict[str, Any]]


def values(of: State) -> Values:
    return {name: {key: value for key, (value, *_) in records.items()} for name, records in of.items()}


class Reading:
    """What one handle sees of a store at rest, asked in every way that there is."""

    def __init__(self, before: State, after: State) -> None:
        self.names = {name: sorted({**before.get(name, {}), **after.get(name, {})}) for name in {**before, **after}}

    def ways(self, store: Store) -> Iterator[tuple[str, Values]]:
        """Each way, and what it shows."""
        many = self._filled({name: store.handle(name).get_many(keys) for name, keys in self.names.items()})
        yield "get_many", many
        yield "get", self._filled({name: self._single(store.handle(name), keys) for name, keys in self.names.items()})
        yield "get_all", self._filled({name: store.handle(name).get_all() for name in self.names})
        yield "get_prefix", self._filled({name: store.handle(name).get_prefix("") for name in self.names})
        with store.transaction() as tx:
            yield "transaction", self._filled({name: tx.use_namespace(name).get_all() for name in self.names})
        yield "state", values(state(store))

    @staticmethod
    def _filled(found: Values) -> Values:
        return {name: records for name, records in found.items() if records}

    @staticmethod
    def _single(store: Any, keys: list[str]) -> dict[str, Any]:
        return {key: store.get(key) for key in keys if store.exists(key)}


def partial_views(scene: Scene, seen: list[bool], *readers: Store) -> Iterator[str]:
    """What readers see that is neither the old state nor the new one, or older than what was seen before.

    ``seen`` gets for each way of reading whether it showed the new state.
    """
    reading, old, new = Reading(scene.before, scene.after), values(scene.before), values(scene.after)
    for reader in readers:
        for way, found in reading.ways(reader):
            if found not in (old, new):
                yield f"{way} sees a part: {found}"
            elif found == old and True in seen:
                yield f"{way} goes back"
            seen.append(found == new)


def torn(scene: Scene, *others: Path) -> Iterator[str]:
    """What is wrong while the verb is stopped after each of its system calls."""
    seen: list[bool] = []
    roots = [scene.root, *others]
    calls = scene.calls()
    dull = set(calls) - set(telling(calls))
    with scene.opened() as store, ExitStack() as stack:
        kept = [stack.enter_context(fsstore.open(root, read_only=True)) for root in roots]
        for number, _ in enumerate(steps(lambda: scene.verb.act(store))):
            if number < len(calls) and calls[number] in dull:
                continue
            yield from partial_views(scene, seen, store, *kept)
            for root in roots:
                with fsstore.open(root, read_only=True) as reader:
                    yield from partial_views(scene, seen, reader)
        assert False in seen, "nobody read before the commit point"
        assert True in seen, "nobody read after the commit point"
        assert state(store) == scene.after


@pytest.mark.parametrize("verb", SEVERAL, ids=lambda verb: verb.name)
def test_all_or_nothing_at_every_call(verb: Verb, scratch: Path) -> None:
    assert list(torn(Scene(scratch, verb))) == []


@pytest.mark.parametrize("verb", SEVERAL if ROUNDS > 1 else SEVERAL[::3], ids=lambda verb: verb.name)
def test_all_or_nothing_with_a_log(verb: Verb, scratch: Path) -> None:
    assert list(torn(Scene(scratch, verb, "power"))) == []


@pytest.mark.parametrize("verb", SEVERAL, ids=lambda verb: verb.name)
def test_the_same_on_a_read_only_mount(verb: Verb, scratch: Path) -> None:
    writable = scratch / "writable"
    writable.mkdir()
    with read_only_view(writable, scratch / "view") as view:
        assert list(torn(Scene(writable, verb), view / "store")) == []


def after_publishing(scene: Scene) -> list[Call]:
    """The system calls from the one that publishes the commit's record."""
    calls = scene.calls()
    first = next(n for n, call in enumerate(calls) if call.name.startswith("rename") and "/commits/" in call.arguments)
    return calls[first:]


@pytest.mark.parametrize("verb", SEVERAL, ids=lambda verb: verb.name)
def test_a_stopped_writer_is_killed(verb: Verb, scratch: Path) -> None:
    scene = Scene(scratch, verb)
    for call in after_publishing(scene)[:: 1 if ROUNDS > 1 else 3]:
        with scene.opened() as store, stopped_after(lambda store=store: verb.act(store), call) as child:  # type: ignore[misc]
            many = Reading(scene.before, scene.after)
            assert dict(many.ways(store))["get_many"] == values(scene.after)
            child.kill()
            assert dict(many.ways(store))["get_many"] == values(scene.after)
        assert complaint(scene.root, scene.before, scene.after, done=True) is None, call


def test_who_is_kept_waiting(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers on other stripes than the stopped one's go on; those on its own are told who it is."""
    monkeypatch.setattr("fsstore.engines.files.stripes.TIMEOUT", 0.05)
    scene = Scene(scratch, SET_MANY)
    for call in after_publishing(scene)[::4]:
        if call.name == "flock":
            break
        with scene.opened() as store, stopped_after(lambda store=store: SET_MANY.act(store), call) as child:  # type: ignore[misc]
            with fsstore.open(scene.root) as other:
                free = elsewhere(other, ["a", "b:c", "new:1", "new:2"])
                other.set_many(dict.fromkeys(free, 1))
                assert other.increment(free[0]) == 2
                with pytest.raises(LockTimeout) as caught:
                    other.set("a", "next")
                assert caught.value.pid == child.pid
            assert child.end().answer == "ok"
            assert store.get("a") == NEW
            store.set("a", "next")


def elsewhere(store: Store, keys: list[str]) -> list[str]:
    """Keys whose locks none of these shares."""
    places = store._engine._places  # type: ignore[attr-defined]
    taken = {places.find("default", key).stripe for key in keys}
    others = (f"elsewhere:{number}" for number in range(100))
    return [key for key in others if places.find("default", key).stripe not in taken][:3]


@pytest.mark.parametrize("name", ["no-gate", "record-removed-first"])
def test_flaws_are_seen(name: str, scratch: Path) -> None:
    with flawed(name):
        scene = Scene(scratch, SET_MANY)
        assert next(torn(scene), None) is not None
