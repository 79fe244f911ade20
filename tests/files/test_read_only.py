"""Stores that may only be read: by request, by the mount, by their format; and markers that cannot be understood."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import NotAStore, ReadOnly, Store, StoreError, StoreMissing

from .children import NOBODY, in_child
from .mounts import read_only_view
from .needs import need_root
from .surroundings import picture

WRITES: dict[str, Callable[[Store], Any]] = {
    "set": lambda s: s.set("k", 2),
    "set an equal value": lambda s: s.set("k", 1),
    "set a new key": lambda s: s.set("new:key", 2, {"m": 1}),
    "delete": lambda s: s.delete("k"),
    "delete a missing key": lambda s: s.delete("nothing"),
    "set_many": lambda s: s.set_many({"k": 2}),
    "delete_many": lambda s: s.delete_many(["k"]),
    "clear": lambda s: s.clear(),
    "delete_prefix": lambda s: s.delete_prefix("k"),
    "replace_all": lambda s: s.replace_all({"k": 2}),
    "copy": lambda s: s.copy("k", "l"),
    "move": lambda s: s.move("k", "l"),
}


@pytest.fixture
def filled(root: Path) -> Path:
    """A closed store with one key that has metadata."""
    with fsstore.open(root, agent="tester") as store:
        store.set("k", 1, {"m": 1})
    return root


def read_everything(store: Store) -> None:
    assert store.get("k") == 1
    assert store.exists("nothing") is False
    assert store.get_all() == {"k": 1}
    assert store.list_keys() == ["k"]
    assert store.list_namespaces() == ["default"]
    record = store.info("k")
    assert (record.metadata, record.updated_by) == ({"m": 1}, "tester")
    assert dict(store.items()) == {"k": 1}
    assert store.stats().keys == 1
    assert list(store.doctor()) == []


def refuses(store: Store, verb: str) -> None:
    with pytest.raises(ReadOnly) as caught:
        WRITES[verb](store)
    assert isinstance(caught.value, PermissionError)
    assert caught.value.reason
    assert caught.value.reason in str(caught.value)


@pytest.mark.parametrize("verb", WRITES)
def test_by_request(filled: Path, verb: str) -> None:
    before = picture(filled)
    with fsstore.open(filled, read_only=True) as store:
        read_everything(store)
        refuses(store, verb)
    assert picture(filled) == before


def test_by_request_nothing_is_made(scratch: Path, filled: Path) -> None:
    shutil.rmtree(filled / ".fsstore")
    before = picture(scratch)
    with fsstore.open(filled, read_only=True) as store:
        assert store.get("k") == 1
        assert store.info("k").updated_by is None
        with pytest.raises(ReadOnly):
            store.set("k", 2)
    with pytest.raises(StoreMissing):
        fsstore.open(scratch / "nothing", read_only=True)
    assert picture(scratch) == before


@pytest.mark.parametrize("create", [True, False])
def test_on_a_read_only_mount(filled: Path, scratch: Path, create: bool) -> None:
    before = picture(filled)
    with read_only_view(filled, scratch / "view") as view:
        with fsstore.open(view, create=create) as store:
            read_everything(store)
            for verb in WRITES:
                refuses(store, verb)
        with fsstore.open(view, read_only=True) as store:
            read_everything(store)
        with fsstore.open(filled) as writer, fsstore.open(view) as reader:
            writer.set("seen", "through the view")
            assert reader.get("seen") == "through the view"
            assert reader.list_keys() == ["k", "seen"]
            writer.delete("seen")
    assert {path: facts for path, facts in picture(filled).items() if not path.startswith(".fsstore/")} == {
        path: facts for path, facts in before.items() if not path.startswith(".fsstore/")
    }


def test_nothing_can_be_made_on_a_read_only_mount(scratch: Path) -> None:
    (scratch / "empty").mkdir()
    with read_only_view(scratch / "empty", scratch / "view") as view:
        for path in (view, view / "below"):
            with pytest.raises(ReadOnly) as caught:
                fsstore.open(path)
            assert str(view) in str(caught.value)


def test_a_store_of_another_user(filled: Path) -> None:
    need_root()

    def check() -> None:
        with fsstore.open(filled) as store:
            read_everything(store)
            for verb in WRITES:
                refuses(store, verb)

    before = picture(filled)
    in_child(check, uid=NOBODY)
    assert picture(filled) == before


def test_a_later_format_is_read_only(filled: Path) -> None:
    marker = json.loads((filled / "fsstore.json").read_text())
    (filled / "fsstore.json").write_text(json.dumps(marker | {"format": 2}))
    before = picture(filled)
    with fsstore.open(filled) as store:
        assert store.get("k") == 1
        for verb in WRITES:
            refuses(store, verb)
        with pytest.raises(ReadOnly, match="format"):
            store.set("k", 2)
    assert picture(filled) == before


DAMAGED = [
    *("", "{", "[]", "7", "null", "{}", '{"format": 1}', '{"id": "x"}', '{"format": "one", "id": "x"}'),
    *('{"format": 1, "id": "x", "settings": 7}', '{"format": 1, "format": 2, "id": "x"}'),
    *('{"format": 1, "id": "x", "settings": {"max_value_bytes": "many"}}', "<<<<<<< HEAD\n{}\n"),
    '{"format": 1, "id": "x", "settings": {"max_value_bytes": null}}',
]


@pytest.mark.parametrize("body", DAMAGED)
@pytest.mark.parametrize("options", [{}, {"read_only": True}, {"create": False}], ids=str)
def test_a_damaged_marker_is_named_with_the_way_out(filled: Path, body: str, options: dict[str, bool]) -> None:
    (filled / "fsstore.json").write_text(body)
    before = picture(filled)
    with pytest.raises(NotAStore) as caught:
        fsstore.open(filled, **options)  # type: ignore[arg-type]
    assert caught.value.path == str(filled / "fsstore.json")
    assert str(filled / "fsstore.json") in str(caught.value)
    assert "git checkout" in str(caught.value)
    assert picture(filled) == before


@pytest.mark.parametrize("kind", ["link", "directory", "FIFO"])
def test_a_marker_that_is_no_file(filled: Path, scratch: Path, kind: str) -> None:
    marker = filled / "fsstore.json"
    marker.rename(scratch / "real.json")
    if kind == "link":
        marker.symlink_to(scratch / "real.json")
    elif kind == "directory":
        marker.mkdir()
    else:
        os.mkfifo(marker)
    for options in ({}, {"read_only": True}):
        with pytest.raises(StoreError) as caught:
            fsstore.open(filled, **options)  # type: ignore[arg-type]
        assert str(filled) in str(caught.value)
