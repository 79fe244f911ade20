"""Names: those real agents use, those that lie close to each other, and those that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore import InvalidName, Store

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "key-vectors.json").read_text(encoding="utf-8"))
KEYS: list[str] = [key for key, _ in VECTORS["keys"]]
NAMESPACES: list[str] = [name for name, _ in VECTORS["namespaces"]]

SEEN_NAMESPACES = [
    *("default", "cache:github", "files:apache/mina@0920c77", "audit_state:2026-06-30T10:00"),
    *("triage-cache:relevance:apache/repo@41a6436", "pipeline:job-123"),
]
SEEN_KEYS = [
    *("processed-count", "project:alpha:files:main.py", "fetch:https://example.org/a?b=c&d=%20", "src/main.py"),
    *(".github/workflows/ci.yml", "core|audit|NONE", "error:2026-06-30T10:00:00+00:00"),
    "apache/mina:where is TLS set up?",
]


def test_the_keys_of_real_agents(store: Store) -> None:
    for index, key in enumerate(SEEN_KEYS):
        store.set(key, index)
    assert store.list_keys() == sorted(SEEN_KEYS)
    assert store.get_all() == {key: index for index, key in enumerate(SEEN_KEYS)}
    assert store.list_keys("project:alpha:files:") == ["project:alpha:files:main.py"]
    assert store.list_keys("apache/mina:") == ["apache/mina:where is TLS set up?"]


def test_the_namespaces_of_real_agents(store: Store) -> None:
    for name in SEEN_NAMESPACES:
        store.use_namespace(name).set("name", name)
    assert store.list_namespaces() == sorted(SEEN_NAMESPACES)
    for name in SEEN_NAMESPACES:
        assert store.use_namespace(name).get_all() == {"name": name}


def test_five_keys_side_by_side(store: Store) -> None:
    five = ["a", "a:b", "a/b", "a.json", "A"]
    for key in five:
        store.set(key, f"value of {key}", {"key": key})
    assert store.list_keys() == ["A", "a", "a.json", "a/b", "a:b"]
    for key in five:
        assert store.get(key) == f"value of {key}"
        assert store.info(key).metadata == {"key": key}
    for index, key in enumerate(five):
        assert store.delete(key) is True
        assert store.list_keys() == sorted(five[index + 1 :])


def test_all_key_vectors_at_once(store: Store) -> None:
    assert len(KEYS) == len(set(KEYS)) == 95
    values = {key: [index, key] for index, key in enumerate(KEYS)}
    for key, value in values.items():
        store.set(key, value, {"n": value[0]})
    assert store.list_keys() == sorted(KEYS)
    assert store.get_all() == values
    assert list(store.items()) == sorted(values.items())
    assert store.get_many(KEYS) == values
    assert store.count() == 95
    for key, value in values.items():
        assert key in store
        record = store.info(key)
        assert (record.key, record.value, record.metadata) == (key, value, {"n": value[0]})
    assert store.delete_many(KEYS) == 95
    assert store.list_namespaces() == []


def test_every_prefix_of_every_vector(store: Store) -> None:
    store.set_many(dict.fromkeys(KEYS, 0))
    prefixes = {key[:length] for key in KEYS for length in range(min(len(key), 12) + 1)}
    prefixes |= {key[:length] for key in KEYS for length in (199, 200, 201, len(key) - 1)}
    for prefix in prefixes:
        expected = sorted(key for key in KEYS if key.startswith(prefix))
        assert store.list_keys(prefix) == expected, prefix
        assert [key for key, _ in store.scan(prefix)] == expected, prefix


def test_all_namespace_vectors_at_once(store: Store) -> None:
    assert len(NAMESPACES) == len(set(NAMESPACES)) == 16
    for name in NAMESPACES:
        store.use_namespace(name).set("k:x", name)
        store.use_namespace(name).set(name, "as a key")
    assert store.list_namespaces() == sorted(NAMESPACES)
    for name in NAMESPACES:
        assert store.use_namespace(name).get_all() == {"k:x": name, name: "as a key"}
    for name in NAMESPACES:
        assert store.use_namespace(name).clear() == 2
    assert store.list_namespaces() == []


@pytest.mark.parametrize("key", ["", "\u2028", "😀:\u2029/e\u0301", "\x00", "\x85", "a\r\nb", "日本語:キー"])
def test_any_text_is_a_key(store: Store, key: str) -> None:
    store.set(key, 1)
    assert store.list_keys() == [key]
    assert store.get_all() == {key: 1}
    assert store.list_keys(key) == [key]


CALLS: dict[str, Callable[[Store, Any], Any]] = {
    "get": lambda store, key: store.get(key),
    "set": lambda store, key: store.set(key, 1),
    "delete": lambda store, key: store.delete(key),
    "exists": lambda store, key: store.exists(key),
    "info": lambda store, key: store.info(key),
    "[]": lambda store, key: store[key],
    "[] =": lambda store, key: store.__setitem__(key, 1),
    "del": lambda store, key: store.__delitem__(key),
    "get_many": lambda store, key: store.get_many(["kept", key]),
    "set_many": lambda store, key: store.set_many({"new": 1, key: 1}),
    "delete_many": lambda store, key: store.delete_many(["kept", key]),
    "replace_all": lambda store, key: store.replace_all({"new": 1, key: 1}),
    "copy from": lambda store, key: store.copy(key, "new"),
    "copy to": lambda store, key: store.copy("kept", key),
    "move from": lambda store, key: store.move(key, "new"),
    "move to": lambda store, key: store.move("kept", key),
}
BAD_KEYS: dict[str, tuple[Any, str]] = {
    "lone surrogate": ("a\ud800b", "lone surrogate"),
    "too long": ("k" * 3600, "too long"),
    "too many directories": ("a:" * 1800, "too long"),
    "int": (7, "not a str"),
    "none": (None, "not a str"),
    "bytes": (b"k", "not a str"),
    "tuple": (("a", "b"), "not a str"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize(("key", "reason"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_cannot_be_stored_is_refused_and_changes_nothing(
    store: Store, call: Callable[[Store, Any], Any], key: Any, reason: str
) -> None:
    store.set("kept", "old", {"m": 1})
    before = store.info("kept")
    with pytest.raises(InvalidName) as caught:
        call(store, key)
    assert (caught.value.name, caught.value.reason) == (key, reason)
    assert store.list_keys() == ["kept"]
    assert store.info("kept") == before


@pytest.mark.parametrize("key", [["a"], {"a": 1}, {"a"}], ids=["list", "dict", "set"])
@pytest.mark.parametrize("verb", ["get", "delete", "exists", "info"])
def test_a_key_that_cannot_be_hashed_is_refused_like_any_other(store: Store, verb: str, key: Any) -> None:
    with pytest.raises(InvalidName, match="a key is a str, not") as caught:
        getattr(store, verb)(key)
    assert caught.value.reason == "not a str"


def test_only_text_is_contained(store: Store) -> None:
    store.set("1", 1)
    assert "1" in store
    for other in (1, None, b"1", ("1",)):
        assert other not in store


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a\udfff", "lone surrogate"),
        (None, "not a str"),
        (7, "not a str"),
        (b"n", "not a str"),
        (["n"], "not a str"),
    ],
)
def test_a_namespace_that_cannot_be_is_refused(store: Store, name: Any, reason: str) -> None:
    with pytest.raises(InvalidName) as caught:
        store.use_namespace(name)
    assert (caught.value.name, caught.value.reason) == (name, reason)
    assert store.list_namespaces() == []


def test_long_namespaces_are_fine(store: Store) -> None:
    names = ["n" * 450, "n" * 449 + ":", "é" * 300]
    for name in names:
        store.use_namespace(name).set("k", name)
    assert store.list_namespaces() == sorted(names)
    assert [store.use_namespace(name).get("k") for name in names] == names


WITHIN: dict[str, Callable[[Any], Any]] = {
    "get": lambda handle: handle.get("k"),
    "set": lambda handle: handle.set("k", 1),
    "delete": lambda handle: handle.delete("k"),
    "list_keys": lambda handle: handle.list_keys(),
    "get_all": lambda handle: handle.get_all(),
    "clear": lambda handle: handle.clear(),
    "items": lambda handle: list(handle.items()),
    "stats": lambda handle: handle.stats(),
}


@pytest.mark.parametrize("call", WITHIN.values(), ids=WITHIN.keys())
def test_an_overlong_namespace_is_refused_by_every_verb(store: Store, call: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidName, match="too long"):
        call(store.use_namespace("n" * 3600))
    assert store.list_namespaces() == []


def test_name_and_key_together_are_limited_too(store: Store) -> None:
    handle = store.use_namespace("n" * 1800)
    handle.set("k" * 1600, 1)
    with pytest.raises(InvalidName, match="too long"):
        handle.set("k" * 1700, 1)
    assert handle.list_keys() == ["k" * 1600]
