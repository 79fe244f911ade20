"""The eleven calls that agents are written against, each exactly as it is promised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fsstore import InvalidName, Namespace, Store, UnsupportedType


def test_get_of_a_missing_key_gives_the_default(store: Store) -> None:
    assert store.get("missing") is None
    assert store.get("missing", 7) == 7
    assert store.get("missing", default=[]) == []


def test_the_default_is_handed_back_as_it_is(store: Store) -> None:
    default: dict[str, int] = {}
    assert store.get("missing", default) is default


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}, 0.0])
def test_a_stored_value_that_is_false_is_not_the_default(store: Store, value: Any) -> None:
    store.set("k", value)
    assert store.get("k", "default") == value
    assert type(store.get("k", "default")) is type(value)


def test_set_returns_none_and_overwrites(store: Store) -> None:
    assert store.set("k", {"old": 1}) is None  # type: ignore[func-returns-value]
    assert store.set("k", [2]) is None  # type: ignore[func-returns-value]
    assert store.get("k") == [2]
    assert store.list_keys() == ["k"]


def test_metadata_is_merged_over_what_the_record_had(store: Store) -> None:
    store.set("k", 1, {"source": "web", "tags": ["a"], "nested": {"x": 1}})
    store.set("k", 2, metadata={"tags": ["b"], "nested": {"y": 2}, "by": None})
    assert store.info("k").metadata == {"source": "web", "tags": ["b"], "nested": {"y": 2}, "by": None}


def test_a_set_without_metadata_keeps_it(store: Store) -> None:
    store.set("k", 1, {"source": "web"})
    store.set("k", 2)
    store.set("k", 3, {})
    assert store.get("k") == 3
    assert store.info("k").metadata == {"source": "web"}


def test_a_record_without_metadata_has_an_empty_dict(store: Store) -> None:
    store.set("k", 1)
    assert store.info("k").metadata == {}


def test_delete_tells_whether_the_key_was_there(store: Store) -> None:
    store.set("k", None)
    assert store.delete("k") is True
    assert store.delete("k") is False
    assert store.get("k", "gone") == "gone"


def test_delete_takes_the_metadata_too(store: Store) -> None:
    store.set("k", 1, {"old": True})
    store.delete("k")
    store.set("k", 2)
    assert store.info("k").metadata == {}


def test_list_keys_sorts_by_code_point(store: Store) -> None:
    names = ["b", "B", "a", "a:b", "a/b", "a-b", "ab", "a.json", "10", "9", "é", "z", "日本", "😀", "\uffee", "", "~"]
    store.set_many(dict.fromkeys(names, 0))
    assert store.list_keys() == sorted(names)
    assert store.list_keys() == [
        *("", "10", "9", "B", "a", "a-b", "a.json", "a/b", "a:b", "ab", "b", "z", "~", "é", "日本", "\uffee", "😀")
    ]


def test_list_keys_takes_the_prefix_as_a_plain_string(store: Store) -> None:
    names = ["pro", "project", "project:x", "project:xy:z", "project/x", "prose", "Project:x", "x:project:x"]
    store.set_many(dict.fromkeys(names, 0))
    assert store.list_keys("pro") == ["pro", "project", "project/x", "project:x", "project:xy:z", "prose"]
    assert store.list_keys("project:x") == ["project:x", "project:xy:z"]
    assert store.list_keys(prefix="project:") == ["project:x", "project:xy:z"]
    assert store.list_keys("projectx") == []


@pytest.mark.parametrize("prefix", [None, ""])
def test_no_prefix_means_all_keys(store: Store, prefix: str | None) -> None:
    store.set_many({"b": 1, "a": 2})
    assert store.list_keys(prefix) == ["a", "b"]


def test_a_prefix_may_end_inside_a_directory_name_or_an_escape(store: Store) -> None:
    names = ["a.json:b", "a.jsonx", "con", "con:x", "contact", ".git/config", "x" * 250 + "1", "x" * 250 + "2:y"]
    store.set_many(dict.fromkeys(names, 0))
    for prefix in ("a.", "a.js", "a.json", "co", "con", "con:", ".g", ".git/", "x" * 210, "x" * 250):
        assert store.list_keys(prefix) == sorted(name for name in names if name.startswith(prefix)), prefix


def test_the_returned_list_is_the_callers_own(store: Store) -> None:
    store.set_many({"a": 1, "b": 2})
    store.list_keys().clear()
    store.list_namespaces().clear()
    assert store.list_keys() == ["a", "b"]
    assert store.list_namespaces() == ["default"]


def test_list_namespaces_shows_only_those_that_hold_a_key(store: Store) -> None:
    assert store.list_namespaces() == []
    store.set("k", 1)
    for name in ("zeta", "Alpha", "files:apache/mina", "emptied"):
        store.use_namespace(name).set("project:x", 1)
    store.use_namespace("emptied").delete("project:x")
    store.use_namespace("never written")
    assert store.list_namespaces() == ["Alpha", "default", "files:apache/mina", "zeta"]


def test_list_namespaces_is_the_same_from_every_handle(store: Store) -> None:
    other = store.use_namespace("other")
    other.set("k", 1)
    assert other.list_namespaces() == store.list_namespaces() == ["other"]


def test_use_namespace_creates_nothing_and_changes_nothing(store: Store) -> None:
    other = store.use_namespace("other")
    assert other.name == "other"
    assert store.name == "default"
    assert other.list_keys() == []
    assert other.get("k") is None
    assert other.delete("k") is False
    assert other.clear() == 0
    assert store.list_namespaces() == []
    store.set("k", "mine")
    other.set("k", "other's")
    assert (store.get("k"), other.get("k")) == ("mine", "other's")
    assert store.list_namespaces() == ["default", "other"]


def test_use_namespace_names_the_namespace_and_does_not_nest(store: Store) -> None:
    inner = store.use_namespace("one").use_namespace("two")
    assert isinstance(inner, Namespace)
    inner.set("k", 1)
    assert store.list_namespaces() == ["two"]
    assert inner.agent == store.agent == "tester"
    assert inner.store is store


def test_get_all_gives_the_namespace_sorted_by_key(store: Store) -> None:
    assert store.get_all() == {}
    items = {"b:c": {"x": [1]}, "a": None, "b": "text", "a/b": 2.5}
    store.set_many(items)
    store.use_namespace("other").set("z", 1)
    assert store.get_all() == items
    assert list(store.get_all()) == ["a", "a/b", "b", "b:c"]


def test_get_many_leaves_missing_keys_out(store: Store) -> None:
    store.set_many({"a": 1, "b": None, "c": 3})
    assert store.get_many(["c", "nope", "b", "c"]) == {"c": 3, "b": None}
    assert store.get_many(key for key in ("a", "x")) == {"a": 1}
    assert store.get_many([]) == {}


def test_set_many_counts_and_gives_the_metadata_to_each(store: Store) -> None:
    store.set("a", 0, {"kept": 1})
    assert store.set_many({"a": 1, "b": 2}, metadata={"batch": 7}) == 2
    assert store.get_all() == {"a": 1, "b": 2}
    assert store.info("a").metadata == {"kept": 1, "batch": 7}
    assert store.info("b").metadata == {"batch": 7}


def test_set_many_counts_values_that_were_there_already(store: Store) -> None:
    assert store.set_many({}) == 0
    assert store.set_many({"a": 1, "b": 2}) == 2
    assert store.set_many({"a": 1, "b": 3}) == 2


def test_set_many_stores_nothing_if_one_value_cannot_be_stored(store: Store) -> None:
    store.set("a", "old")
    with pytest.raises(UnsupportedType, match="key 'b'"):
        store.set_many({"a": "new", "b": {1, 2}, "c": "new"})
    with pytest.raises(InvalidName):
        store.set_many({"a": "new", "\ud800": 1})
    assert store.get_all() == {"a": "old"}


def test_delete_many_counts_what_was_really_there(store: Store) -> None:
    store.set_many({"a": 1, "b": 2, "c": 3})
    assert store.delete_many(["a", "nope", "b", "a"]) == 2
    assert store.delete_many(key for key in ("a", "b")) == 0
    assert store.delete_many([]) == 0
    assert store.get_all() == {"c": 3}


@pytest.mark.parametrize("verb", ["get_many", "delete_many"])
def test_one_string_is_no_list_of_keys(store: Store, verb: str) -> None:
    store.set_many({"a": 1, "b": 2})
    call: Callable[[str], Any] = getattr(store, verb)
    with pytest.raises(InvalidName, match=r"\['ab'\]"):
        call("ab")
    assert store.list_keys() == ["a", "b"]


def test_clear_counts_and_unlists_the_namespace(store: Store) -> None:
    other = store.use_namespace("other")
    store.set("keep", 1)
    other.set_many({"a": 1, "b:c:d": 2, "e/f": 3}, {"some": "metadata"})
    assert other.clear() == 3
    assert other.clear() == 0
    assert other.get_all() == {}
    assert store.list_namespaces() == ["default"]
    assert store.get_all() == {"keep": 1}


def test_values_are_copied_on_the_way_in(store: Store) -> None:
    value: dict[str, Any] = {"items": [{"n": 1}]}
    metadata: dict[str, Any] = {"tags": ["x"]}
    store.set("one", value, metadata)
    store.set_many({"many": value}, metadata)
    value["items"][0]["n"] = 2
    value["more"] = True
    metadata["tags"].append("y")
    for key in ("one", "many"):
        assert store.get(key) == {"items": [{"n": 1}]}
        assert store.info(key).metadata == {"tags": ["x"]}


def test_values_are_copied_on_the_way_out(store: Store) -> None:
    original = {"items": [{"n": 1}]}
    store.set("k", original, {"tags": ["x"]})
    taken: list[Any] = [
        *(store.get("k"), store["k"], store.get_all()["k"], store.get_many(["k"])["k"], store.info("k").value),
        *(store.get_prefix("k")["k"], dict(store.items())["k"], dict(store.scan("k"))["k"], store.mapping()["k"]),
    ]
    for value in taken:
        value["items"][0]["n"] += 1
        value["items"].append("mutated")
    store.info("k").metadata["tags"].append("mutated")
    assert all(value == {"items": [{"n": 2}, "mutated"]} for value in taken)
    assert store.get("k") == original
    assert store.info("k").metadata == {"tags": ["x"]}


def test_what_one_handle_wrote_every_other_sees_at_once(store: Store) -> None:
    reader, writer = store.handle(agent="reader"), store.handle(agent="writer")
    for number in range(20):
        writer.set("n", number)
        assert reader.get("n") == number
        writer.set(f"new:{number}", number)
        assert f"new:{number}" in reader.list_keys()
        assert writer.delete(f"new:{number}")
        assert reader.list_keys() == ["n"]
