"""Where the durability of a write is said: in the call, in the handle, in the store's settings; in this order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fsstore
from fsstore import NotAStore, Unsupported


def is_logged(root: Path) -> bool:
    return (root / ".fsstore" / "wal").exists()


def setting(root: Path, durability: object) -> None:
    fsstore.open(root).close()
    marker = json.loads((root / "fsstore.json").read_text())
    (root / "fsstore.json").write_text(json.dumps({**marker, "settings": {"durability": durability}}))


def test_the_default_needs_no_log(root: Path) -> None:
    with fsstore.open(root) as store:
        store.set_many({"a": 1, "b": 2})
    assert not is_logged(root)


def test_a_handle_says_power(root: Path) -> None:
    with fsstore.open(root, durability="power") as store:
        store.set("a", 1, durability="process")
        assert not is_logged(root)
        store.set("a", 2)
    assert is_logged(root)


def test_a_call_says_power(root: Path) -> None:
    with fsstore.open(root) as store:
        store.increment("n", durability="power")
    assert is_logged(root)


def test_the_store_says_power(root: Path) -> None:
    setting(root, "power")
    with fsstore.open(root, durability="process") as store:
        store.set("a", 1)
        assert not is_logged(root)
    with fsstore.open(root) as store:
        store.set("a", 2)
    assert is_logged(root)


@pytest.mark.parametrize("durability", ["snapshot of sorts", 5])
def test_no_such_durability(root: Path, durability: object) -> None:
    with fsstore.open(root) as store, pytest.raises(Unsupported, match="power, process"):
        store.set("a", 1, durability=str(durability))
    setting(root, durability)
    with pytest.raises(NotAStore, match="durability is one of"):
        fsstore.open(root)
