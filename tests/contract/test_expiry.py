"""Keys that end by themselves: missing to every verb at once, and set anew as if they had never been."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from fsstore import Conflict, NotFound, Store

Pass = Callable[[float], None]


READS: dict[str, tuple[Callable[[Store], Any], Any]] = {
    "get": (lambda store: store.get("k", "none"), "none"),
    "exists": (lambda store: store.exists("k"), False),
    "in": (lambda store: "k" in store, False),
    "list_keys": (lambda store: store.list_keys(), ["other"]),
    "list_keys by prefix": (lambda store: store.list_keys("k"), []),
    "get_all": (lambda store: store.get_all(), {"other": 2}),
    "get_many": (lambda store: store.get_many(["k", "other"]), {"other": 2}),
    "get_prefix": (lambda store: store.get_prefix("k"), {}),
    "count": (lambda store: store.count(), 1),
    "items": (lambda store: dict(store.items()), {"other": 2}),
    "scan after": (lambda store: list(store.scan(after="j")), [("other", 2)]),
    "iteration": (lambda store: list(store), ["other"]),
    "mapping": (lambda store: dict(store.mapping()), {"other": 2}),
    "stats": (lambda store: (store.stats().keys, store.stats().namespaces), (1, 1)),
    "list_namespaces": (lambda store: store.list_namespaces(), ["default"]),
    "transaction": (lambda store: store.transact(lambda tx: (tx.get("k"), tx.list_keys())), (None, ["other"])),
    "delete": (lambda store: store.delete("k"), False),
    "delete_many": (lambda store: store.delete_many(["k", "other"]), 1),
    "clear": (lambda store: store.clear(), 1),
    "pop": (lambda store: store.pop("k", "none"), "none"),
    "touch": (lambda store: store.touch("k", 10), False),
    "persist": (lambda store: store.persist("k"), False),
    "increment": (lambda store: store.increment("k"), 1),
    "append": (lambda store: store.append("k", 7), [7]),
    "set_default": (lambda store: store.set_default("k", 9), 9),
    "update": (lambda store: store.update("k", lambda old: [old]), [None]),
}


@pytest.mark.parametrize("name", READS)
def test_what_has_ended_is_missing_to_every_verb(store: Store, let_pass: Pass, name: str) -> None:
    read, expected = READS[name]
    store.set("k", 1, {"from": "before"}, ttl=6000)
    store.set("other", 2)
    store.use_namespace("alone").set("x", 1, ttl=6000)
    let_pass(5900)
    assert store.get("k") == 1
    assert store.list_namespaces() == ["alone", "default"]
    let_pass(200)
    assert read(store) == expected


def test_it_is_there_until_then_and_says_when(store: Store) -> None:
    before = time.time()
    store.set("k", 1, ttl=3600)
    store.set("lasting", 1)
    ends = store.expires("k")
    assert ends is not None
    assert ends == store.info("k").expires_at
    from datetime import datetime

    assert before + 3600 <= datetime.fromisoformat(ends).timestamp() + 1e-6 <= time.time() + 3601
    assert store.expires("lasting") is None
    with pytest.raises(NotFound):
        store.expires("nothing")


def test_what_raises_for_a_missing_key_does(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, ttl=60)
    revision = store.info("k").revision
    let_pass(61)
    for verb in (
        lambda: store.info("k"),
        lambda: store["k"],
        lambda: store.pop("k"),
        lambda: store.copy("k", "l"),
        lambda: store.patch("k", []),
    ):
        with pytest.raises(NotFound):
            verb()
    with pytest.raises(Conflict):
        store.set("k", 2, if_match=revision)
    store.create("k", 3)
    assert (store.get("k"), store.expires("k")) == (3, None)


def test_a_key_that_is_set_anew_has_nothing_of_the_one_that_ended(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, {"from": "before"}, ttl=60)
    created = store.info("k").created_at
    let_pass(61)
    store.set("k", 1)
    record = store.info("k")
    assert (record.metadata, record.expires_at) == ({}, None)
    assert record.created_at > created


def test_the_same_value_set_again_begins_anew(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, ttl=60)
    let_pass(50)
    store.set("k", 1, ttl=60)
    let_pass(50)
    assert store.get("k") == 1
    let_pass(11)
    assert store.get("k") is None


def test_a_plain_set_lasts_for_ever_and_an_update_leaves_the_end_as_it_was(store: Store, let_pass: Pass) -> None:
    store.set_many({"set": 1, "counter": 1, "merged": {}}, {"m": 1}, ttl=60)
    ends = store.expires("counter")
    store.set("set", 2)
    store.increment("counter")
    store.merge("merged", {"a": 1})
    assert (store.expires("set"), store.expires("counter"), store.expires("merged")) == (None, ends, ends)
    assert store.info("set").metadata == store.info("counter").metadata == {"m": 1}
    let_pass(61)
    assert store.get_all() == {"set": 2}


def test_touch_and_persist_change_the_end_alone(store: Store, let_pass: Pass) -> None:
    store.set_many({"touched": 1, "kept": 1}, {"m": 1}, ttl=60)
    store.set("lasting", 1)
    before = store.info("touched").revision
    assert store.touch("touched", 600) is True
    assert store.persist("kept") is True
    assert store.touch("lasting", 60) is True
    assert store.touch("nothing", 60) is False
    assert store.info("touched").revision == before
    assert store.info("kept").metadata == store.info("touched").metadata == {"m": 1}
    let_pass(61)
    assert store.get_all() == {"touched": 1, "kept": 1}
    let_pass(600)
    assert store.get_all() == {"kept": 1}


def test_a_handle_has_a_default_and_a_call_may_say_otherwise(store: Store, let_pass: Pass) -> None:
    cache = store.use_namespace("cache", ttl=60)
    cache.set("short", 1)
    cache.set("long", 1, ttl=600)
    cache.set("ever", 1, ttl=math.inf)
    cache.increment("counter")
    cache.set_many({"many": 1})
    cache.replace_all({**cache.get_all(), "more": 1})
    assert cache.expires("long") is not None
    cache.set("long", 1, ttl=600)
    cache.set("ever", 1, ttl=math.inf)
    let_pass(61)
    assert store.use_namespace("cache").get_all() == {"long": 1, "ever": 1}


def test_a_transaction_ends_and_keeps_as_single_calls_do(store: Store, let_pass: Pass) -> None:
    store.set("counter", 1, ttl=60)
    store.set("lasting", 1)
    ends = store.expires("counter")
    with store.transaction() as tx:
        tx.increment("counter")
        tx.set("new", 1, ttl=60)
        assert tx.touch("lasting", 60) is True
        assert tx.persist("new") is True
        tx.touch("new", 30)
        assert tx.touch("nothing", 30) is False
        assert tx.expires("counter") == ends
        assert tx.expires("lasting") is not None
    assert store.expires("counter") == ends
    let_pass(31)
    assert store.get_all() == {"counter": 2, "lasting": 1}
    let_pass(30)
    assert store.get_all() == {}


def test_a_transaction_keeps_to_the_ttl_of_its_handle(store: Store, let_pass: Pass) -> None:
    cache = store.use_namespace("cache", ttl=60)
    with cache.transaction() as tx:
        tx.set("first", 1)
    cache.transact(lambda tx: tx.set("second", 1))
    cache.transact(lambda tx: tx.set("ever", 1, ttl=float("inf")))
    let_pass(61)
    assert cache.list_keys() == ["ever"]


def test_what_ends_under_a_transaction_is_a_conflict(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, ttl=60)
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.set("seen", tx.get("k"))
        let_pass(61)
    assert store.get_all() == {}
    store.set("k", 1, ttl=60)
    with pytest.raises(Conflict), store.transaction() as tx:
        tx.set("keys", tx.list_keys())
        let_pass(61)


def test_copies_and_moves_end_when_their_source_would(store: Store, let_pass: Pass) -> None:
    store.set("k", 1, ttl=60)
    ends = store.expires("k")
    store.copy("k", "copied", namespace="other")
    store.move("k", "moved")
    assert store.expires("moved") == store.use_namespace("other").expires("copied") == ends
    let_pass(61)
    assert store.list_namespaces() == []


def test_sweeping_removes_what_has_ended_and_nothing_else(store: Store, let_pass: Pass) -> None:
    other = store.use_namespace("other")
    store.set_many({"a": 1, "b:c": 2}, ttl=60)
    store.set("lasting", 1)
    other.set("x", 1, ttl=60)
    other.set("y", 1, ttl=600)
    assert store.sweep() == 0
    let_pass(61)
    store.set("a", "again")
    assert (other.sweep(dry_run=True), store.sweep(dry_run=True)) == (1, 2)
    assert other.sweep() == 1
    assert store.sweep() == 1
    assert store.sweep() == other.sweep() == 0
    assert store.get_all() == {"a": "again", "lasting": 1}
    assert other.get_all() == {"y": 1}


@pytest.mark.parametrize("ttl", [0, -1, math.nan, True, "60"])
def test_what_is_no_time_is_refused(store: Store, ttl: Any) -> None:
    store.set("k", 1)
    for verb in (
        lambda: store.set("k", 2, ttl=ttl),
        lambda: store.touch("k", ttl),
        lambda: store.use_namespace("n", ttl=ttl),
    ):
        with pytest.raises(ValueError, match="no number of seconds above 0"):
            verb()
    assert (store.get("k"), store.expires("k")) == (1, None)
