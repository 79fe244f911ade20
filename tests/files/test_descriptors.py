"""Descriptors: none is left open by any operation, error, or closed store."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Closed, Store, StoreError

from .needs import need


def count() -> int:
    """How many descriptors this process has open."""
    need(os.path.isdir("/proc/self/fd"), "needs /proc")
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def use(store: Store, root: Path) -> None:
    """Operations that work, and operations that fail in each way."""
    store.set_many({f"a:{number}": number for number in range(20)}, {"m": 1})
    store.set("a:1", "again")
    store.info("a:1")
    store.get_all()
    store.list_keys()
    store.stats()
    list(store.items())
    list(store.doctor())
    next(store.items())
    store.copy("a:1", "b")
    store.move("b", "c")
    store.delete("c")
    store.delete("nothing")
    (root / "default" / "bad.json").write_text("{")
    (root / "default" / "link.json").symlink_to("bad.json")
    (root / "default" / "dir.json").mkdir()
    (root / "default" / "loop").symlink_to("loop")
    os.mkfifo(root / "default" / "fifo.json")
    for key in ("bad", "link", "dir", "loop:k", "fifo", "nothing", "\ud800", "a:1:not:there"):
        for verb in (
            store.get,
            store.info,
            store.exists,
            lambda key: store.copy(key, "x"),
            lambda key: store.move(key, "x"),
        ):
            with contextlib.suppress(StoreError):
                verb(key)
    for key in ("dir", "loop:k", "\ud800"):
        for verb in (lambda key: store.set(key, 1), store.delete, lambda key: store.set(key, 1, {"m": 1})):
            with contextlib.suppress(StoreError):
                verb(key)
    with contextlib.suppress(StoreError):
        store.get_all()
    list(store.doctor())
    for path in ("bad.json", "link.json", "loop", "fifo.json"):
        (root / "default" / path).unlink()
    (root / "default" / "dir.json").rmdir()
    store.clear()


def test_operations_and_errors_leave_none_open(root: Path, opener: str) -> None:
    with fsstore.open(root) as store:
        store.set_many({f"warm:{number}": 1 for number in range(1000)})
        use(store, root)
        before = count()
        for _ in range(5):
            use(store, root)
        assert count() <= before


def test_opening_and_closing_leaves_none_open(root: Path, scratch: Path) -> None:
    before = count()
    for _ in range(20):
        with fsstore.open(root) as store:
            store.set_many({f"k{number}": 1 for number in range(100)})
        fsstore.open(root, read_only=True).close()
        (scratch / "other").mkdir(exist_ok=True)
        (scratch / "other" / "file").touch()
        for wrong in (scratch / "other", scratch / "other" / "file"):
            with pytest.raises((StoreError, OSError)):
                fsstore.open(wrong)
        with pytest.raises(StoreError):
            fsstore.open(scratch / "nothing", create=False)
    assert count() <= before


def test_many_handles_share_few(root: Path) -> None:
    stores = [fsstore.open(root) for _ in range(5)]
    before = count()
    for number, store in enumerate(stores):
        store.set_many({f"k{key}": number for key in range(500)})
    assert count() - before <= 64
    for store in stores:
        store.close()


CLOSED: dict[str, Callable[[Store], Any]] = {
    "get": lambda s: s.get("k"),
    "get of a new key": lambda s: s.get("new"),
    "exists": lambda s: s.exists("k"),
    "info": lambda s: s.info("k"),
    "list_keys": lambda s: s.list_keys(),
    "list_namespaces": lambda s: s.list_namespaces(),
    "get_all": lambda s: s.get_all(),
    "get_many": lambda s: s.get_many(["k"]),
    "items": lambda s: list(s.items()),
    "stats": lambda s: s.stats(),
    "doctor": lambda s: list(s.doctor()),
    "set": lambda s: s.set("k", 2),
    "delete": lambda s: s.delete("k"),
    "clear": lambda s: s.clear(),
    "replace_all": lambda s: s.replace_all({"k": 2}),
    "copy": lambda s: s.copy("k", "l"),
    "move": lambda s: s.move("k", "l"),
}


@pytest.mark.parametrize("verb", CLOSED)
def test_a_closed_store_says_so(root: Path, verb: str) -> None:
    store = fsstore.open(root)
    store.set("k", 1)
    store.close()
    store.close()
    with pytest.raises(Closed):
        CLOSED[verb](store)
    with fsstore.open(root) as again:
        assert again.get_all() == {"k": 1}


def test_a_closed_store_keeps_none_of_its_history_open(tmp_path: Path) -> None:
    before = count()
    with fsstore.open(tmp_path / "s") as store:
        with store.run("a") as run:
            run.set("k", 1)
        assert len(list(store.history("k"))) == 1
        assert store.at("HEAD").get("k") == 1
        assert store.diff("HEAD") == []
        store.gc()
    assert count() == before
