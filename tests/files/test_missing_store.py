"""A store whose directory is moved, emptied or deleted while it is open: typed errors, and nothing is made anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore import Store, StoreError, StoreMissing
from fsstore.engines.files import listing

from .surroundings import picture

VERBS: dict[str, Callable[[Store], Any]] = {
    "get": lambda s: s.get("k"),
    "get a key that never was": lambda s: s.get("nothing"),
    "exists": lambda s: s.exists("k"),
    "info": lambda s: s.info("k"),
    "list_keys": lambda s: s.list_keys(),
    "list_keys of another namespace": lambda s: s.use_namespace("other").list_keys(),
    "list_namespaces": lambda s: s.list_namespaces(),
    "count": lambda s: s.count("k"),
    "get_all": lambda s: s.get_all(),
    "get_many": lambda s: s.get_many(["k"]),
    "get_prefix": lambda s: s.get_prefix("k"),
    "items": lambda s: list(s.items()),
    "scan": lambda s: list(s.scan("k")),
    "stats": lambda s: s.stats(),
    "stats of the namespace": lambda s: s.use_namespace("default").stats(),
    "set": lambda s: s.set("k", 2),
    "set a new key": lambda s: s.set("a:b:c", 2, {"by": "test"}),
    "set_many": lambda s: s.set_many({"k": 2, "l": 3}),
    "delete": lambda s: s.delete("k"),
    "delete_many": lambda s: s.delete_many(["k"]),
    "clear": lambda s: s.clear(),
    "replace_all": lambda s: s.replace_all({"k": 2}),
    "copy": lambda s: s.copy("k", "l"),
    "move": lambda s: s.move("k", "l"),
}


@pytest.fixture
def filled(disk: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with a key, whose stripes are open and whose listing is remembered."""
    monkeypatch.setattr(listing, "_TICK", -1)  # else it is remembered only after a while
    disk.set_many({"k": 1, **{f"many:{number}": number for number in range(100)}})
    assert disk.count() == 101
    return disk


@pytest.mark.parametrize("verb", VERBS)
def test_a_store_moved_away_and_back(filled: Store, scratch: Path, root: Path, verb: str) -> None:
    root.rename(scratch / "away")
    with pytest.raises(StoreMissing) as caught:
        VERBS[verb](filled)
    assert caught.value.path == str(root)
    assert os.listdir(scratch) == ["away"]
    (scratch / "away").rename(root)
    assert filled.get("k") == 1
    assert filled.count() == 101
    filled.set("k", 2)
    assert filled.info("k").value == 2


@pytest.mark.parametrize("verb", VERBS)
def test_an_unmounted_store(filled: Store, scratch: Path, root: Path, verb: str) -> None:
    """The mount point is still there, and empty: it must stay so."""
    root.rename(scratch / "away")
    root.mkdir()
    with pytest.raises(StoreMissing):
        VERBS[verb](filled)
    assert os.listdir(root) == []
    root.rmdir()
    (scratch / "away").rename(root)
    filled.set("k", 2)
    assert filled.get("k") == 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_deleted_store(filled: Store, scratch: Path, root: Path, verb: str) -> None:
    shutil.rmtree(root)
    with pytest.raises(StoreMissing):
        VERBS[verb](filled)
    assert os.listdir(scratch) == []


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_marker_deleted(filled: Store, root: Path, verb: str) -> None:
    """What is there may be read; where there is nothing the error says why; nothing is lost."""
    (root / "fsstore.json").unlink()
    before = picture(root / "default")
    missing = None
    try:
        VERBS[verb](filled)
    except StoreMissing as error:
        missing = str(error)
    if missing is not None:
        assert "fsstore.json" in missing
        assert picture(root / "default") == before
    assert not (root / "fsstore.json").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_a_link_left_where_the_store_was(filled: Store, scratch: Path, root: Path, verb: str) -> None:
    """It is not followed: the other place may be another store."""
    root.rename(scratch / "away")
    root.symlink_to(scratch / "away")
    before = picture(scratch / "away", leave_out=(".fsstore",))
    with pytest.raises(StoreError):
        VERBS[verb](filled)
    assert picture(scratch / "away", leave_out=(".fsstore",)) == before
