"""Namespaces under another name: copied, moved and renamed, to the byte, all keys or none."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Conflict, InvalidName, NotFound, Store
from fsstore.engines.files.placing import Placing
from fsstore.moving.relocating import Relocation
from fsstore.ops import Check, CheckScan

from .conftest import ODD, files_of, put
from .test_interrupted import at_call, killed

VERBS = ("copy_namespace", "move_namespace", "rename_namespace")


def below(root: Path, directory: str) -> dict[str, bytes]:
    """The files of one namespace."""
    start = f"{directory}/"
    return {path.removeprefix(start): raw for path, raw in files_of(root).items() if path.startswith(start)}


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, scratch: Path) -> Any:
    where: Any = ":memory:" if request.param == "memory" else scratch / "store"
    with fsstore.open(where, agent="mover") as opened:
        yield opened


@pytest.mark.parametrize("verb", VERBS)
def test_all_of_it_is_there_to_the_byte(odd: Store, scratch: Path, verb: str) -> None:
    before = below(scratch / "source", "default")
    count = sum(namespace == "default" for namespace, _ in ODD) + 1
    assert getattr(odd, verb)("default", "n:w") == count
    assert below(scratch / "source", "n%3Aw") == before
    assert below(scratch / "source", "default") == (before if verb == "copy_namespace" else {})
    assert odd.use_namespace("n:w").info("noted").metadata == {"by": "Ada", "n": [1, {"x": None}]}
    assert odd.use_namespace("n:w").info("plain").updated_by == "writer"
    assert list(odd.doctor()) == [each for each in odd.doctor() if each.problem not in ("orphaned-metadata", "foreign")]


@pytest.mark.parametrize("verb", VERBS)
def test_it_is_one_commit(store: Store, verb: str) -> None:
    source = store.use_namespace("s")
    source.set_many({"a": 1, "b:c": 2}, {"m": 1})
    with store.watch() as changes:
        assert getattr(store, verb)("s", "t") == 2
        store.sync()
        events = list(iter(lambda: changes.get(timeout=0), None))
    expected = {("created", "t", "a"), ("created", "t", "b:c")}
    if verb != "copy_namespace":
        expected |= {("deleted", "s", "a"), ("deleted", "s", "b:c")}
    assert {(event.kind, event.namespace, event.key) for event in events} == expected
    assert len({event.commit for event in events}) == 1
    assert {event.source.agent for event in events} == {"mover"}


@pytest.mark.parametrize("verb", VERBS[:2])
def test_a_target_with_keys_gets_more(store: Store, verb: str) -> None:
    source, target = store.use_namespace("s"), store.use_namespace("t")
    source.set_many({"a": 1, "b": 2}, {"m": 1})
    target.set_many({"b": 3, "c": 4}, {"n": 1})
    for dry_run in (True, False):
        with pytest.raises(Conflict, match=r"key 'b' of namespace 't' exists already. Nothing was changed") as caught:
            getattr(store, verb)("s", "t", dry_run=dry_run)
        assert (caught.value.namespace, caught.value.key) == ("t", "b")
    assert (source.get_all(), target.get_all()) == ({"a": 1, "b": 2}, {"b": 3, "c": 4})
    assert getattr(store, verb)("s", "t", overwrite=True, dry_run=True) == 2
    assert target.count() == 2
    assert getattr(store, verb)("s", "t", overwrite=True) == 2
    assert target.get_all() == {"a": 1, "b": 2, "c": 4}
    assert target.info("b").metadata == {"m": 1}
    assert source.count() == (2 if verb == "copy_namespace" else 0)


def test_a_new_name_must_be_free(store: Store) -> None:
    store.use_namespace("s").set("a", 1)
    store.use_namespace("t").set("z", 1)
    for dry_run in (True, False):
        with pytest.raises(Conflict, match=r"namespace 't' holds keys already, 'z' for one\. Nothing was changed"):
            store.rename_namespace("s", "t", dry_run=dry_run)
    assert store.use_namespace("s").get_all() == {"a": 1}


@pytest.mark.parametrize("verb", VERBS)
def test_names_that_cannot_be(store: Store, verb: str) -> None:
    with pytest.raises(NotFound, match="namespace 's' holds no key"):
        getattr(store, verb)("s", "t")
    store.use_namespace("s").set("a", 1)
    for source, target in (("s", "s"), ("", "t"), ("s", ""), ("s", "\ud800")):
        with pytest.raises(InvalidName):
            getattr(store, verb)(source, target)
    assert store.list_namespaces() == ["s"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_cannot_be_read_stops_all(odd: Store, scratch: Path, verb: str) -> None:
    os.symlink("plain.json", scratch / "source/default/link.json")
    with pytest.raises(fsstore.BadValue, match="link"):
        getattr(odd, verb)("default", "t")
    assert odd.list_namespaces() == ["a:b", "default"]


@pytest.mark.parametrize("verb", VERBS)
def test_rules_go_along(store: Store, verb: str) -> None:
    rules = store._engine.rules
    store.use_namespace("s").set("a", 1)
    store._engine.set_rules("s", {"mine": {"x": 1}, "index": {"fields": ["a"]}}, store._writer)
    getattr(store, verb)("s", "t")
    assert rules("t").members == {"mine": {"x": 1}, "index": {"fields": ["a"]}}
    assert bool(rules("s").members) == (verb == "copy_namespace")


def test_a_target_with_keys_keeps_its_rules(store: Store) -> None:
    store.use_namespace("s").set("a", 1)
    store.use_namespace("t").set("b", 1)
    store._engine.set_rules("s", {"mine": 1}, store._writer)
    store.copy_namespace("s", "t")
    assert store._engine.rules("t").members == {}


def test_ten_thousand_keys(store: Store) -> None:
    items = {f"a:{number % 100}:{number}": number for number in range(10_000)}
    store.use_namespace("s").set_many(items)
    assert store.copy_namespace("s", "t") == 10_000
    assert store.rename_namespace("s", "u") == 10_000
    assert store.move_namespace("u", "t", overwrite=True) == 10_000
    assert store.use_namespace("t").get_all() == dict(sorted(items.items()))
    assert store.list_namespaces() == ["t"]


# -- others write at the same time -----------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once, after the source was read and before anything is written."""
    sound, done = Relocation._ops, list[object]()

    def ops(self: Relocation, found: Any) -> Any:
        if not done:
            done.append(None)
            act()
        return sound(self, found)

    monkeypatch.setattr(Relocation, "_ops", ops)


def move_while(store: Store, monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], object]) -> dict[str, Any]:
    """What the target holds after a move during which somebody has changed the source."""
    source = store.use_namespace("s")
    source.set_many({"a": 1, "b": 2}, {"m": 1})
    meanwhile(monkeypatch, lambda: act(source))
    store.move_namespace("s", "t")
    assert source.count() == 0
    return store.use_namespace("t").get_all()


CHANGES: dict[str, tuple[Callable[[Any], object], dict[str, Any]]] = {
    "a new key": (lambda source: source.set("c", 3), {"a": 1, "b": 2, "c": 3}),
    "a new value": (lambda source: source.set("b", 5), {"a": 1, "b": 5}),
    "a key less": (lambda source: source.delete("b"), {"a": 1}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_others_write_is_not_lost(store: Store, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, expected = CHANGES[change]
    assert move_while(store, monkeypatch, act) == expected


def test_metadata_that_others_write_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    move_while(store, monkeypatch, lambda source: source.set("b", 2, {"n": 2}))
    assert store.use_namespace("t").info("b").metadata == {"m": 1, "n": 2}


@pytest.mark.parametrize("changed", [{"mine": 2, "new": 3}, {"mine": None, "new": 3}, {"mine": None}])
def test_rules_that_others_change_together_with_keys_go_along(
    store: Store, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    """It begins anew; what its first attempt has handed over is no rule that the target had."""
    engine = store._engine
    store.use_namespace("s").set("a", 1)
    engine.set_rules("s", {"mine": 1}, store._writer)

    def act(source: Any) -> None:
        assert engine.rules("t").members == {"mine": 1}
        engine.set_rules("s", changed, store._writer)
        source.set("c", 3)

    assert move_while(store, monkeypatch, act) == {"a": 1, "b": 2, "c": 3}
    assert engine.rules("t").members == {name: value for name, value in changed.items() if value is not None}


def test_rules_that_others_give_the_target_meanwhile_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = store._engine
    engine.set_rules("s", {"mine": 1}, store._writer)

    def act(source: Any) -> None:
        engine.set_rules("t", {"theirs": 1}, store._writer)
        engine.set_rules("s", {"mine": 2}, store._writer)
        source.set("c", 3)

    move_while(store, monkeypatch, act)
    assert engine.rules("t").members == {"mine": 1, "theirs": 1}


def test_a_move_that_does_not_look_for_new_keys_is_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Relocation._ops

    def flawed(self: Relocation, found: Any) -> Any:
        return [op for op in sound(self, found) if not isinstance(op, CheckScan)]

    monkeypatch.setattr(Relocation, "_ops", flawed)
    with pytest.raises(AssertionError):
        move_while(store, monkeypatch, CHANGES["a new key"][0])


def test_a_key_that_comes_into_the_target_meanwhile_is_not_overwritten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.use_namespace("s").set("a", 1)
    meanwhile(monkeypatch, lambda: store.use_namespace("t").set("a", "theirs"))
    for verb in ("rename_namespace", "move_namespace"):
        with pytest.raises(Conflict, match="Nothing was changed"):
            getattr(store, verb)("s", "t")
    assert (store.use_namespace("s").get("a"), store.use_namespace("t").get("a")) == (1, "theirs")


@pytest.mark.parametrize("call", [1, 3, 8, 12])
def test_a_move_that_is_killed_is_all_or_nothing(
    source: Store, scratch: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a rename after the commit point: the next who opens the store finishes it."""
    put(scratch / "source", {("s", f"k{number}"): b"[%d]" % number for number in range(6)})
    with monkeypatch.context() as patch:
        patch.setattr(Placing, "apply", at_call(call, Placing.apply))
        killed(lambda: source.move_namespace("s", "t"))
    with fsstore.open(scratch / "source") as store:
        assert store.list_namespaces() == ["t"]
        assert below(scratch / "source", "t") == {f"k{number}.json": b"[%d]" % number for number in range(6)}


def test_a_child_that_is_killed_is_killed() -> None:
    with pytest.raises(AssertionError):
        killed(lambda: None)
    killed(lambda: os.kill(os.getpid(), signal.SIGKILL))


# -- keys that end by themselves -------------------------------------------------------------------


def test_ends_go_along(store: Store) -> None:
    source = store.use_namespace("s")
    source.set("a", 1, ttl=1000)
    source.set("b", 2, {"m": 1})
    end = source.expires("a")
    for verb, target in (("copy_namespace", "t"), ("move_namespace", "u")):
        assert getattr(store, verb)("s", target) == 2
        assert store.use_namespace(target).expires("a") == end
        assert store.use_namespace(target).expires("b") is None


def test_an_end_that_is_changed_meanwhile_goes_along(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.use_namespace("s").set("a", 1, ttl=1000)
    meanwhile(monkeypatch, lambda: store.use_namespace("s").persist("a"))
    store.move_namespace("s", "t")
    assert store.use_namespace("t").expires("a") is None


def test_a_move_that_does_not_look_for_changed_ends_is_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Relocation._ops

    def flawed(self: Relocation, found: Any) -> Any:
        return [op._replace(ends=False) if isinstance(op, Check) else op for op in sound(self, found)]

    monkeypatch.setattr(Relocation, "_ops", flawed)
    with pytest.raises(AssertionError):
        test_an_end_that_is_changed_meanwhile_goes_along(store, monkeypatch)


def test_what_has_ended_stays_behind_and_stays_gone(source: Store, scratch: Path) -> None:
    old = source.use_namespace("s")
    old.set("a", 1, ttl=1000)
    old.set("b", 2)
    old.set("c", 3, ttl=1000)
    sidecar = scratch / "source/s/.meta/c.json"
    sidecar.write_text('{"expires": "2001-01-01T00:00:00+00:00"}')
    source._engine.set_rules("s", {"mine": 1}, source._writer)
    assert source.move_namespace("s", "t") == 2
    assert old.list_keys() == []
    assert source.use_namespace("t").list_keys() == ["a", "b"]
    assert source._engine.rules("s").members == {"expires": True}
    with fsstore.open(scratch / "source") as store:
        assert store.use_namespace("s").get_all() == {}


def test_nothing_is_left_of_a_namespace_with_rules_that_was_renamed(source: Store, scratch: Path) -> None:
    source.use_namespace("s").set("a", 1)
    source._engine.set_rules("s", {"mine": 1}, source._writer)
    source.rename_namespace("s", "t")
    assert not (scratch / "source/s").exists()
    assert (scratch / "source/t/.meta/.namespace.json").exists()


# -- schemas ---------------------------------------------------------------------------------------


def test_a_schema_goes_along_and_stops_nothing_that_was_there(store: Store) -> None:
    store.use_namespace("s").set_many({"a": 1, "b": "unfit"})
    store.schema("s", {"type": "number"})
    for verb, target in (("copy_namespace", "t"), ("rename_namespace", "u")):
        assert getattr(store, verb)("s", target) == 2
        assert store.use_namespace(target).get_all() == {"a": 1, "b": "unfit"}
        with pytest.raises(fsstore.SchemaViolation):
            store.use_namespace(target).set("c", "unfit")
    assert store.copy_namespace("u", "t", overwrite=True) == 2


def failing(store: Store, patch: pytest.MonkeyPatch) -> None:
    """A move into a namespace that holds nothing, whose commit fails."""
    store.use_namespace("s").set_many({"a": 1})
    store.schema("s", {"type": "number"})

    def fail(*args: Any, **options: Any) -> None:
        raise fsstore.DiskFull("no space")

    with patch.context() as patched, pytest.raises(fsstore.DiskFull):
        patched.setattr(type(store), "_commit", fail)
        store.move_namespace("s", "t")
    assert store.schema("s") == {"type": "number"}
    assert store.schema("t") is None


def test_a_call_that_fails_leaves_no_rules(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(store, monkeypatch)
    assert store.move_namespace("s", "t") == 1
    assert store.schema("t") == {"type": "number"}


def test_rules_that_are_left_are_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relocation, "_take_back_rules", lambda *_: None)
    with pytest.raises(AssertionError):
        failing(store, monkeypatch)


def test_what_the_schema_of_the_target_forbids_does_not_come_in(store: Store) -> None:
    store.use_namespace("s").set_many({"a": 1, "b": "unfit"})
    store.use_namespace("t").set("c", 1)
    store.schema("t", {"type": "number"})
    with pytest.raises(fsstore.SchemaViolation, match="key 'b' of namespace 't'"):
        store.move_namespace("s", "t")
    assert store.list_namespaces() == ["s", "t"]
    assert store.use_namespace("t").get_all() == {"c": 1}
