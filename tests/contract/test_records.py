"""The record behind a key: who wrote it, when, how large, and when it does not change."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import NotFound, Record, Store, UnsupportedType

FIELDS = (
    *("namespace", "key", "value", "metadata", "created_at", "updated_at", "created_by", "updated_by"),
    *("revision", "size", "path", "expires_at"),
)


def test_a_record_has_exactly_these_fields(store: Store) -> None:
    before = datetime.now(UTC)
    store.use_namespace("jobs:today").set("a:b", {"x": [1]}, {"m": 1})
    record = store.use_namespace("jobs:today").info("a:b")
    after = datetime.now(UTC)
    assert isinstance(record, Record)
    assert record._fields == FIELDS
    assert (record.namespace, record.key, record.value) == ("jobs:today", "a:b", {"x": [1]})
    assert record.metadata == {"m": 1}
    assert record.created_by == record.updated_by == "tester"
    assert record.created_at == record.updated_at
    assert before <= datetime.fromisoformat(record.created_at) <= after
    assert record.size == len('{\n  "x": [\n    1\n  ]\n}\n')
    assert record.path.endswith("/jobs%3Atoday/a/b.json")
    assert record.as_dict() == dict(zip(FIELDS, record, strict=True))


def test_times_are_iso_8601_in_utc(store: Store) -> None:
    store.set("k", 1)
    record = store.info("k")
    for text in (record.created_at, record.updated_at):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", text)
        assert datetime.fromisoformat(text).utcoffset() == timedelta(0)


def test_info_of_a_missing_key_raises_not_found(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        store.use_namespace("n").info("missing")
    assert (caught.value.namespace, caught.value.key) == ("n", "missing")


def test_overwriting_keeps_who_created_it_and_when(store: Store) -> None:
    alice, bob = store.handle(agent="alice"), store.handle(agent="bob")
    alice.set("k", 1)
    first = store.info("k")
    for number in range(2, 6):
        bob.set("k", number)
    last = store.info("k")
    assert (last.created_at, last.created_by) == (first.created_at, "alice")
    assert (last.value, last.updated_by) == (5, "bob")
    assert first.updated_by == "alice"
    assert last.updated_at > first.updated_at


def test_deleting_begins_a_new_life(store: Store) -> None:
    alice, bob = store.handle(agent="alice"), store.handle(agent="bob")
    alice.set("k", 1)
    first = store.info("k")
    alice.delete("k")
    bob.set("k", 1)
    second = store.info("k")
    assert (second.created_by, second.updated_by) == ("bob", "bob")
    assert second.created_at == second.updated_at > first.created_at


@pytest.mark.parametrize("path", [":memory:", "store"])
def test_a_handle_without_an_agent_writes_none(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with fsstore.open(path) as nameless:
        nameless.set("k", 1)
        assert (nameless.info("k").created_by, nameless.info("k").updated_by) == (None, None)
        nameless.handle(agent="alice").set("k", 2)
        assert (nameless.info("k").created_by, nameless.info("k").updated_by) == (None, "alice")


SAME: dict[str, Callable[[Store], Any]] = {
    "set": lambda other: other.set("k", {"a": [1, 2]}),
    "set with the metadata it has": lambda other: other.set("k", {"a": [1, 2]}, {"m": 1}),
    "set with a tuple": lambda other: other.set("k", {"a": (1, 2)}),
    "set_many": lambda other: other.set_many({"k": {"a": [1, 2]}}),
    "replace_all": lambda other: other.replace_all({"k": {"a": [1, 2]}}),
    "[]": lambda other: other.__setitem__("k", {"a": [1, 2]}),
    "copy onto itself": lambda other: other.copy("k", "k"),
    "move onto itself": lambda other: other.move("k", "k"),
}


@pytest.mark.parametrize("write", SAME.values(), ids=SAME.keys())
def test_an_equal_value_changes_nothing(store: Store, write: Callable[[Any], Any]) -> None:
    store.set("k", {"a": [1, 2]}, {"m": 1})
    before = store.info("k")
    write(store.handle(agent="somebody else"))
    assert store.info("k") == before


def test_a_different_value_changes_revision_and_time_and_coming_back_brings_back_the_revision(store: Store) -> None:
    store.set("k", 1)
    first = store.info("k")
    store.set("k", 2)
    second = store.info("k")
    store.set("k", 1)
    third = store.info("k")
    assert first.revision == third.revision != second.revision
    assert first.updated_at < second.updated_at < third.updated_at


def test_the_revision_names_the_content_alone(store: Store) -> None:
    other = store.handle("elsewhere", agent="other")
    store.set("a", {"x": 1}, {"m": 1})
    other.set("b", {"x": 1})
    assert store.info("a").revision == other.info("b").revision == "b41480ad7a7526ef9f18aaa5212cd37b1ce24972"


def test_new_metadata_alone_is_an_update(store: Store) -> None:
    store.set("k", 1, {"m": 1})
    before = store.info("k")
    store.handle(agent="bob").set("k", 1, {"m": 2})
    after = store.info("k")
    assert after.metadata == {"m": 2}
    assert after.revision == before.revision
    assert (after.updated_by, after.created_by) == ("bob", "tester")
    assert after.updated_at > before.updated_at


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0), (1.0, True), ([0], [False])])
def test_metadata_that_python_calls_equal_is_told_apart(store: Store, old: Any, new: Any) -> None:
    store.set("k", 1, {"m": old})
    store.set("k", 1, {"m": new})
    assert repr(store.info("k").metadata) == repr({"m": new})


@pytest.mark.parametrize("metadata", [["a"], "text", 7])
def test_metadata_is_a_dict(store: Store, metadata: Any) -> None:
    store.set("k", "old")
    with pytest.raises(UnsupportedType, match="metadata of key 'k' is a dict"):
        store.set("k", "new", metadata)
    assert store.get("k") == "old"


def test_metadata_that_cannot_be_stored_leaves_all_as_it_was(store: Store) -> None:
    store.set("k", "old", {"m": 1})
    before = store.info("k")
    with pytest.raises(UnsupportedType) as caught:
        store.set("k", "new", {"when": [datetime.now(UTC)]})
    assert caught.value.json_path == "$.when[0]"
    assert "the metadata of key 'k'" in str(caught.value)
    assert store.info("k") == before
