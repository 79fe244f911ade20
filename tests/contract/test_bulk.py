"""Writing many keys, and from one key to another: delete_prefix, replace_all, copy, move, stats."""

from __future__ import annotations

import pytest

from fsstore import Conflict, InvalidName, NotFound, Replaced, Store, UnsupportedType, Usage


def test_delete_prefix_counts_and_keeps_the_rest(store: Store) -> None:
    store.set_many({"a": 1, "a:1": 1, "a:1:x": 1, "a/1": 1, "ab": 1, "b": 1})
    assert store.delete_prefix("a:") == 2
    assert store.list_keys() == ["a", "a/1", "ab", "b"]
    assert store.delete_prefix("a:") == 0
    assert store.delete_prefix("a") == 3
    assert store.list_keys() == ["b"]


def test_delete_prefix_without_a_prefix_is_refused(store: Store) -> None:
    store.set("a", 1)
    with pytest.raises(InvalidName, match=r"clear\(\) removes everything"):
        store.delete_prefix("")
    assert store.list_keys() == ["a"]


def test_replace_all_reports_what_it_did(store: Store) -> None:
    store.set_many({"same": [1], "old": 1, "z": 1, "gone:1": 1, "gone:0": 1}, {"m": 1})
    before = store.info("same")
    items = {"z": 2, "new:b": 1, "same": [1], "old": True, "new:a": 2}
    assert store.handle(agent="other").replace_all(items) == Replaced(
        added=["new:a", "new:b"], changed=["old", "z"], removed=["gone:0", "gone:1"], unchanged=["same"]
    )
    assert store.get_all() == items
    assert store.get("old") is True
    assert store.info("same") == before
    assert store.info("z").metadata == {"m": 1}
    assert store.info("z").updated_by == "other"


def test_replace_all_of_the_same_changes_nothing(store: Store) -> None:
    items = {f"k:{number}": {"n": number} for number in range(20)}
    assert store.replace_all(items) == Replaced(sorted(items), [], [], [])
    assert store.replace_all(items) == Replaced([], [], [], sorted(items))


def test_replace_all_by_nothing_is_clear(store: Store) -> None:
    store.set_many({"b": 1, "a": 2})
    store.use_namespace("other").set("kept", 1)
    assert store.replace_all({}) == Replaced([], [], ["a", "b"], [])
    assert store.list_namespaces() == ["other"]


def test_replace_all_changes_nothing_if_one_value_cannot_be_stored(store: Store) -> None:
    store.set_many({"a": 1, "b": 2})
    with pytest.raises(UnsupportedType):
        store.replace_all({"a": 3, "c": {1}})
    assert store.get_all() == {"a": 1, "b": 2}


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize("namespace", [None, "default", "other"])
def test_value_and_metadata_go_along(store: Store, verb: str, namespace: str | None) -> None:
    store.handle(agent="alice").set("source:a", {"x": [1]}, {"m": {"n": 1}})
    getattr(store.handle(agent="bob"), verb)("source:a", "target/b", namespace=namespace)
    record = store.use_namespace(namespace or "default").info("target/b")
    assert (record.value, record.metadata) == ({"x": [1]}, {"m": {"n": 1}})
    assert record.created_by == record.updated_by == "bob"
    assert ("source:a" in store) is (verb == "copy")
    assert store.list_namespaces() == sorted({*(["default"] if verb == "copy" else []), namespace or "default"})


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_an_existing_target_is_a_conflict(store: Store, verb: str) -> None:
    store.set("a", "source", {"s": 1})
    store.set("b", "target", {"t": 1})
    revision = store.info("b").revision
    with pytest.raises(Conflict, match="exists already") as caught:
        getattr(store, verb)("a", "b")
    error = caught.value
    assert (error.namespace, error.key, error.expected, error.actual) == ("default", "b", None, revision)
    assert store.get_all() == {"a": "source", "b": "target"}
    assert store.info("b").metadata == {"t": 1}


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_an_existing_target_of_equal_value_is_a_conflict_too(store: Store, verb: str) -> None:
    store.set_many({"a": 1, "b": 1})
    with pytest.raises(Conflict):
        getattr(store, verb)("a", "b")
    assert store.get_all() == {"a": 1, "b": 1}


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_a_target_may_be_overwritten_on_request(store: Store, verb: str) -> None:
    store.handle(agent="alice").set("b", "target")
    store.set("a", "source", {"s": 1})
    getattr(store.handle(agent="bob"), verb)("a", "b", overwrite=True)
    record = store.info("b")
    assert (record.value, record.metadata) == ("source", {"s": 1})
    assert (record.created_by, record.updated_by) == ("alice", "bob")
    assert store.list_keys() == (["a", "b"] if verb == "copy" else ["b"])


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_a_missing_source_is_not_found(store: Store, verb: str) -> None:
    store.set("b", 1)
    with pytest.raises(NotFound) as caught:
        getattr(store, verb)("a", "b", overwrite=True)
    assert caught.value.key == "a"
    assert store.get_all() == {"b": 1}


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize("namespace", [None, "default"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_onto_itself_is_nothing(store: Store, verb: str, namespace: str | None, overwrite: bool) -> None:
    store.set("a", [1], {"m": 1})
    before = store.info("a")
    getattr(store.handle(agent="other"), verb)("a", "a", namespace=namespace, overwrite=overwrite)
    assert store.info("a") == before
    assert store.list_keys() == ["a"]


def test_the_same_key_in_another_namespace_is_not_itself(store: Store) -> None:
    store.set("a", 1, {"m": 1})
    store.move("a", "a", namespace="other")
    assert store.list_namespaces() == ["other"]
    assert store.use_namespace("other").info("a").metadata == {"m": 1}


def test_a_bad_target_leaves_the_source(store: Store) -> None:
    store.set("a", 1)
    with pytest.raises(InvalidName):
        store.move("a", "b", namespace="")
    assert store.get_all() == {"a": 1}


def test_a_none_is_copied_like_any_value(store: Store) -> None:
    store.set("a", None)
    store.copy("a", "b")
    assert store.get("b", "default") is None


def test_stats_of_a_namespace_and_of_the_store(store: Store) -> None:
    assert store.stats() == Usage(0, 0, 0)
    one, two = store.use_namespace("one"), store.use_namespace("two")
    one.set_many({"a": 1, "b:c": "xyz"}, {"metadata": "is not counted"})
    two.set("k", [1])
    assert one.stats() == Usage(namespaces=1, keys=2, bytes=len("1\n") + len('"xyz"\n'))
    assert two.stats() == Usage(1, 1, len("[\n  1\n]\n"))
    assert store.stats() == Usage(2, 3, 16)
    assert store.use_namespace("default").stats() == Usage(0, 0, 0)
    one.clear()
    assert store.stats() == Usage(1, 1, 8)
