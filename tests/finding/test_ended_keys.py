"""Keys that have ended are not found, though an index has them; and those that a person brings back are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from fsstore import Store

from .asking import check

Pass = Callable[[float], None]


def test_what_has_ended_is_not_found(store: Store, let_pass: Pass) -> None:
    store.set_many({f"k{each}": {"n": 1, "title": "word"} for each in range(3)}, ttl=50)
    store.set("for ever", {"n": 1, "title": "word"})
    assert len(store.find({"n": 1})) == 4
    let_pass(60)
    assert [hit.key for hit in store.find({"n": 1}, text="word")] == ["for ever"]
    assert [match.key for match in store.grep("word")] == ["for ever"]
    store.set("k0", {"n": 1})
    assert [hit.key for hit in store.find({"n": 1})] == ["for ever", "k0"]
    store.sweep()
    assert [hit.key for hit in store.find({"n": 1})] == ["for ever", "k0"]


def test_what_a_person_brings_back_is_found(indexed: Store, root: Path, let_pass: Pass) -> None:
    """It had ended when the index looked at it; no file of a value changes when it is back."""
    indexed.set("k", {"n": 1, "status": "open"}, ttl=50)
    let_pass(60)
    check(indexed)
    assert indexed.find({"n": 1}).hits == []
    sidecar = root / "default/.meta/k.json"
    document = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**document, "expires": "2999-01-01T00:00:00+00:00"}))
    assert [hit.key for hit in indexed.find({"n": 1})] == ["k"]
    check(indexed)
