"""On a disk that folds case and Unicode: a key that would land on another's file is refused, nothing is overwritten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import NameCollision, Store
from fsstore.engines.files import folding

from .mounts import folding_disk


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The mounted disk; one for all tests of the module."""
    with folding_disk(tmp_path_factory.mktemp("folding") / "disk") as mounted:
        yield mounted


@pytest.fixture
def folded(folds: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A fresh store on it."""
    with fsstore.open(folds / str(abs(hash(request.node.name))), agent="tester") as store:
        yield store


COLLIDING = [
    ("a", "A"),
    ("readme", "README"),
    ("é", "É"),
    ("straße", "STRASSE"),
    ("x:b", "X:b"),
    ("x:b", "X:c"),
    ("x/b", "X/c"),
    ("a:b:C", "a:b:c"),
    ("ﬁ", "fi"),
]
APART = [("a", "a:b"), ("a", "a/b"), ("a:b", "a/b"), ("é", "e\u0301"), ("a.json", "a"), ("A:b", "a"), ("%61", "a")]


def test_the_disk_folds(folds: Path) -> None:
    (folds / "Name").write_text("1")
    assert (folds / "nAME").read_text() == "1"
    assert "Name" in os.listdir(folds)


def test_folding_is_found_out_where_each_spelling_has_its_own_inode(scratch: Path) -> None:
    with folding_disk(scratch / "disk", "by-path") as disk:
        (disk / "name").touch()
        assert (disk / "name").stat().st_ino != (disk / "NAME").stat().st_ino
        with fsstore.open(disk / "store") as store:
            store.set("a", "first")
            with pytest.raises(NameCollision):
                store.set("A", "second")
            assert store.get_all() == {"a": "first"}


def test_a_round_trip(folded: Store) -> None:
    items = {"a": 1, "b:c": [2], "b/d": {"e": None}, "src/main.py": "text", "Ä": 3, "e\u0301": 4, "": 5, "X" * 300: 6}
    folded.set_many(items, {"m": 1})
    assert folded.get_all() == items
    assert folded.list_keys() == sorted(items)
    assert dict(folded.items()) == items
    for key, value in items.items():
        assert folded.get(key) == value
        assert folded.exists(key)
        assert folded.info(key).metadata == {"m": 1}
        folded.set(key, [value])
        assert folded.get(key) == [value]
    assert list(folded.doctor()) == []
    folded.move("a", "moved")
    assert folded.get("moved") == [1]
    assert folded.delete("b:c") is True
    assert folded.list_keys("b") == ["b/d"]
    assert folded.clear() == len(items) - 1
    assert folded.list_namespaces() == []


@pytest.mark.parametrize(("first", "second"), COLLIDING)
def test_a_colliding_key_is_refused(folded: Store, first: str, second: str) -> None:
    folded.set(first, "first")
    for write in (
        lambda: folded.set(second, "second"),
        lambda: folded.set_many({"other": 1, second: "second"}),
        lambda: folded.copy(first, second),
        lambda: folded.copy(first, second, overwrite=True),
        lambda: folded.move(first, second, overwrite=True),
    ):
        with pytest.raises(NameCollision) as caught:
            write()
        assert caught.value.key == second
        assert caught.value.path in str(caught.value)
    assert folded.get_all() == {first: "first"}
    assert folded.exists(second) is False
    assert folded.get(second) is None
    assert folded.get_many([first, second]) == {first: "first"}
    with pytest.raises(fsstore.NotFound):
        folded.info(second)
    assert folded.list_keys() == [first]


@pytest.mark.parametrize(("first", "second"), COLLIDING)
def test_deleting_the_other_spelling_deletes_nothing(folded: Store, first: str, second: str) -> None:
    folded.set(first, "first")
    with contextlib.suppress(NameCollision):
        assert folded.delete(second) is False
    assert folded.get_all() == {first: "first"}
    assert folded.delete(first) is True
    folded.set(second, "second")
    assert folded.get_all() == {second: "second"}


@pytest.mark.parametrize(("first", "second"), COLLIDING)
def test_keys_of_one_call_that_collide(folded: Store, first: str, second: str) -> None:
    """Neither is on disk yet: still one must not overwrite the other."""
    with pytest.raises(NameCollision):
        folded.set_many({first: "first", second: "second"})
    assert folded.get_all() == {}


@pytest.mark.parametrize(("first", "second"), APART)
def test_keys_that_are_far_enough_apart(folded: Store, first: str, second: str) -> None:
    folded.set_many({first: 1, second: 2})
    assert folded.get_all() == dict(sorted({first: 1, second: 2}.items()))


def test_namespaces_collide_too(folded: Store) -> None:
    folded.use_namespace("Other").set("k", 1)
    with pytest.raises(NameCollision):
        folded.use_namespace("other").set("l", 2)
    assert folded.list_namespaces() == ["Other"]
    assert folded.use_namespace("other").get("k") is None
    assert folded.use_namespace("other").exists("k") is False
    assert folded.use_namespace("other").list_keys() == []
    assert folded.use_namespace("other").get_all() == {}
    assert list(folded.use_namespace("other").items()) == []


def test_without_the_guard_a_value_would_be_lost(folds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: an engine that does not know the disk folds overwrites."""
    monkeypatch.setattr(folding, "folds_names", lambda tree: False)
    with fsstore.open(folds / "unguarded") as store:
        store.set("a", "first")
        store.set("A", "second")
        assert list(store.get_all().values()) == ["second"]
