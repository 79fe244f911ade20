"""Every verb on every planted object, by both ways of opening: typed errors alone, no hang, no link followed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValues, Blocked, Report, Store, StoreError
from fsstore.engines.files import atomic

from . import planted
from .alarm import within
from .children import NOBODY, in_child
from .needs import need_root
from .planted import OBJECTS, SECRET, SECRET_FILE, Planted
from .surroundings import picture

NEW = {"set": "anew"}
GOOD = {"good": 1}
Verb = Callable[[Store, str], Any]

READING: dict[str, Verb] = {
    "get": lambda s, k: s.get(k),
    "exists": lambda s, k: s.exists(k),
    "info": lambda s, k: s.info(k),
    "list_keys": lambda s, k: s.list_keys(),
    "list_namespaces": lambda s, k: s.list_namespaces(),
    "count": lambda s, k: s.count(),
    "get_all": lambda s, k: s.get_all(),
    "get_all skip": lambda s, k: s.get_all(errors="skip"),
    "get_all report": lambda s, k: s.get_all(errors="report"),
    "get_many": lambda s, k: s.get_many([k, "good"]),
    "get_many report": lambda s, k: s.get_many([k, "good"], errors="report"),
    "items": lambda s, k: list(s.items()),
    "scan": lambda s, k: list(s.scan(k[0])),
    "scan skip": lambda s, k: list(s.scan(errors="skip")),
    "get_prefix": lambda s, k: s.get_prefix(k[0]),
    "stats": lambda s, k: (s.stats(), s.use_namespace("default").stats()),
    "doctor": lambda s, k: list(s.doctor()),
}
WRITING: dict[str, Verb] = {
    "set": lambda s, k: s.set(k, NEW),
    "set with metadata": lambda s, k: s.set(k, NEW, {"by": "test"}),
    "delete": lambda s, k: s.delete(k),
    "set_many": lambda s, k: s.set_many({k: NEW, "other": 2}),
    "delete_many": lambda s, k: s.delete_many([k, "nothing"]),
    "clear": lambda s, k: s.clear(),
    "delete_prefix": lambda s, k: s.delete_prefix(k[0]),
    "replace_all": lambda s, k: s.replace_all({k: NEW, "good": GOOD}),
    "copy from": lambda s, k: s.copy(k, "copied"),
    "copy onto": lambda s, k: s.copy("good", k, overwrite=True),
    "move from": lambda s, k: s.move(k, "moved"),
    "move onto": lambda s, k: s.move("good", k, overwrite=True),
}
TAKES_GOOD_AWAY = frozenset({"clear", "move onto"})


@pytest.fixture(autouse=True)
def _close_open_ends() -> Iterator[None]:
    yield
    while planted.open_ends:
        os.close(planted.open_ends.pop())


def prepare(scratch: Path, thing: Planted) -> Path:
    """A store with one good key and the planted object; what lies outside holds the secret."""
    if thing.needs_root or thing.other_user:
        need_root()
    root = scratch / "store"
    outside = scratch / "outside"
    outside.mkdir()
    for name in ("secret.json", "k.json", "x.json"):
        (outside / name).write_text(SECRET_FILE)
    with fsstore.open(root) as store:
        store.set("good", GOOD)
    if thing.other_user:
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    thing.plant(root / "default", outside)
    return root


def attempt(verb: Verb, store: Store, key: str) -> tuple[Any, StoreError | None]:
    """What the verb gives or raises; anything but a `StoreError`, or no end, fails the test."""
    with within(5):
        try:
            return verb(store, key), None
        except StoreError as error:
            raised = error
    assert str(raised)
    assert raised.__cause__ is not raised, "a chain that bites its tail"
    return None, raised


def as_its_victim(thing: Planted, check: Callable[[], None]) -> None:
    """Run the check as the user for whom the object is an obstacle."""
    if thing.other_user:
        in_child(check, uid=NOBODY)
    else:
        check()


@pytest.mark.parametrize("verb", [*READING, *WRITING])
@pytest.mark.parametrize("name", OBJECTS)
def test_a_verb_ends_with_a_typed_error_at_most(scratch: Path, opener: str, name: str, verb: str) -> None:
    thing = OBJECTS[name]
    root = prepare(scratch, thing)
    before = picture(scratch / "outside")

    def check() -> None:
        with fsstore.open(root) as store:
            result, error = attempt((READING | WRITING)[verb], store, thing.key)
            if thing.get != SECRET:
                shown = repr(result) + repr(error and {**error.__dict__, "text": str(error)})
                assert SECRET not in shown
            assert picture(scratch / "outside") == before
            if error is not None or verb not in TAKES_GOOD_AWAY:
                assert store.get("good") == GOOD
                assert store.get_many(["good"]) == {"good": GOOD}
                assert store.info("good").value == GOOD
                if not (isinstance(thing.listed, type) and attempt(lambda s, k: s.get(k), store, thing.key)[1]):
                    assert "good" in store.list_keys()
                    assert store.get_all(errors="skip")["good"] == GOOD

    as_its_victim(thing, check)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_the_key_is_then(scratch: Path, opener: str, name: str) -> None:
    thing = OBJECTS[name]
    root = prepare(scratch, thing)

    def check() -> None:
        with fsstore.open(root) as store:
            value, error = attempt(lambda s, k: s.get(k), store, thing.key)
            if isinstance(thing.get, type):
                assert type(error) is thing.get
                assert str(root / "default") in str(error)
            else:
                assert (value, error) == (thing.get, None)
            _expect(thing.exists, attempt(lambda s, k: s.exists(k), store, thing.key))
            _expect(thing.listed, attempt(lambda s, k: k in s.list_keys(), store, thing.key))
            if thing.listed is not True:
                return
            report, error = attempt(lambda s, k: s.get_all(errors="report"), store, thing.key)
            assert isinstance(report, Report)
            assert report.values["good"] == GOOD
            assert {key: type(bad) for key, bad in report.errors.items()} == (
                {thing.key: thing.get} if isinstance(thing.get, type) else {}
            )
            if isinstance(thing.get, type):
                with pytest.raises(BadValues) as caught:
                    store.get_all()
                assert caught.value.values == {"good": GOOD}
                assert list(caught.value.errors) == [thing.key]
                assert store.get_all(errors="skip") == {"good": GOOD}
                assert store.count() == 2

    as_its_victim(thing, check)


@pytest.mark.parametrize("name", OBJECTS)
def test_set_repairs_or_says_what_is_in_the_way(scratch: Path, opener: str, name: str) -> None:
    thing = OBJECTS[name]
    root = prepare(scratch, thing)
    before = picture(scratch / "outside")

    def check() -> None:
        with fsstore.open(root) as store:
            in_the_way = picture(root / "default")
            _, error = attempt(lambda s, k: s.set(k, NEW), store, thing.key)
            if thing.set is None:
                assert error is None
                assert store.get(thing.key) == NEW
                assert store.list_keys() == ["good", thing.key]
            else:
                assert type(error) is thing.set
                named = error.__dict__["path"]
                assert named in str(error)
                assert named.startswith(f"{root}/default/{thing.key[0]}")
                assert picture(root / "default") == in_the_way
            assert os.listdir(root / ".fsstore" / "tmp") == []
            assert picture(scratch / "outside") == before

    as_its_victim(thing, check)


@pytest.mark.parametrize("name", OBJECTS)
def test_delete_removes_the_object_itself_or_says_what_is_in_the_way(scratch: Path, opener: str, name: str) -> None:
    thing = OBJECTS[name]
    root = prepare(scratch, thing)
    before = picture(scratch / "outside")

    def check() -> None:
        with fsstore.open(root) as store:
            in_the_way = picture(root / "default")
            result, error = attempt(lambda s, k: s.delete(k), store, thing.key)
            _expect(thing.delete, (result, error))
            if thing.delete is True:
                assert os.listdir(root / "default") == ["good.json"]
                assert store.exists(thing.key) is False
            else:
                assert picture(root / "default") == in_the_way
                if error is not None:
                    assert error.__dict__["path"].startswith(f"{root}/default/{thing.key[0]}")
            assert picture(scratch / "outside") == before

    as_its_victim(thing, check)


def _expect(wanted: type[StoreError] | bool, got: tuple[Any, StoreError | None]) -> None:
    value, error = got
    if isinstance(wanted, type):
        assert type(error) is wanted
    else:
        assert (value, error) == (wanted, None)


def test_following_links_would_be_caught(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard above can fail: with an opener that follows links the secret comes out."""
    root = prepare(scratch, OBJECTS["link to a file"])
    monkeypatch.setattr(atomic.Tree, "open", lambda tree, path, flags: os.open(f"{tree.root}/{path}", os.O_RDONLY))
    with fsstore.open(root, read_only=True) as store:
        assert store.get("k") == SECRET


def test_a_blocked_bulk_write_changes_nothing(scratch: Path) -> None:
    root = prepare(scratch, OBJECTS["directory"])
    with fsstore.open(root) as store:
        for write in (store.clear, lambda: store.set_many({"good": 2, "k": 3}), lambda: store.replace_all({"new": 1})):
            with pytest.raises(Blocked, match=r"k\.json"):
                write()
        assert store.get_all(errors="skip") == {"good": GOOD}
        assert store.list_keys() == ["good", "k"]
