"""The verb: answers in order, how they are cut and go on, files that make no sense; the same in each kind of store."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValue, Closed, Found, Hit, InvalidName, InvalidValue, ReadOnly, Store, UnsupportedType

from .conftest import make

MANY = {
    f"p{number % 7}:k{number:04d}": {"n": number, "status": "odd" if number % 2 else "even"} for number in range(700)
}


def keys(found: Found[Hit]) -> list[str]:
    """The keys of hits."""
    return [hit.key for hit in found]


def test_hits_are_keys_with_values_in_order(store: Store) -> None:
    store.set_many({"b": {"n": 2}, "a": {"n": 1}, "c": {"n": 3}})
    found = store.find({"n": {"gte": 2}})
    assert found.hits == [Hit("b", {"n": 2}), Hit("c", {"n": 3})]
    assert (found.cut, found.after, len(found), found.errors) == (False, None, 2, {})


def test_an_answer_that_is_cut_says_how_to_go_on(store: Store) -> None:
    store.set_many(MANY)
    right = sorted(key for key, value in MANY.items() if value["status"] == "odd")
    for limit in (1, 7, 349, 350, 351, sys.maxsize):
        found = store.find({"status": "odd"}, limit=limit)
        assert keys(found) == right[:limit]
        assert found.cut is (limit < 350)
        assert found.after == (right[limit - 1] if found.cut else None)
    got: list[str] = []
    after: str | None = None
    while True:
        found = store.find({"status": "odd"}, limit=33, after=after)
        got += keys(found)
        after = found.after
        if not found.cut:
            break
    assert got == right


def test_a_prefix(store: Store) -> None:
    store.set_many(MANY)
    right = sorted(key for key, value in MANY.items() if value["status"] == "odd" and key.startswith("p3:k0"))
    assert keys(store.find({"status": "odd"}, prefix="p3:k0")) == right
    assert keys(store.find({"status": "odd"}, prefix="p3:k0", after=right[4])) == right[5:]
    assert keys(store.find({"status": "odd"}, prefix="p3:k0", after="p9")) == []
    assert keys(store.find({"status": "odd"}, prefix="p3:k0", after="p", limit=None)) == right


@pytest.mark.parametrize("prefix", ["\U0010ffff", "a\U0010ffff", "a\ud7ff", "a"])
def test_a_prefix_at_the_end_of_all(store: Store, prefix: str) -> None:
    store.set_many({key: {"n": 1} for key in (prefix + "\U0010ffff" + "x", prefix, "b", "a\ue000")})
    right = [key for key in store.list_keys() if key.startswith(prefix)]
    assert keys(store.find({"n": 1}, prefix=prefix)) == right


def test_nothing_is_asked(store: Store) -> None:
    store.set_many({"a": 1, "b": [2]})
    found = store.find()
    assert found.hits == [Hit("a", 1), Hit("b", [2])]
    assert found.scanned


def test_whether_all_was_read(store: Store) -> None:
    store.set_many(MANY)
    is_indexed = Path(store.info("p0:k0000").path or "/nowhere").exists() and not store.find({"status": "odd"}).scanned
    assert store.find({"status": {"ne": "odd"}}).scanned  # an index says only what is there
    assert store.find({"else": 1}).scanned
    assert store.find({"else": 1, "status": "odd"}).scanned is not is_indexed


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_through(store: Store, limit: int) -> None:
    with pytest.raises(ValueError, match="is below 1"):
        store.find(limit=limit)
    with pytest.raises(ValueError, match="is below 1"):
        store.grep("a", limit=limit)


def test_names_that_are_none(store: Store) -> None:
    for wrong in (3, "\ud800"):
        with pytest.raises(InvalidName):
            store.find(prefix=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidName):
            store.find(after=wrong)  # type: ignore[arg-type]


def test_a_value_is_the_callers_own(store: Store) -> None:
    store.set("a", {"n": [1]})
    store.find({"n": [1]}).hits[0].value["n"].append(2)
    assert store.find({"n": [1]}).hits[0].value == {"n": [1]}


def test_awaited(store: Store) -> None:
    store.set("a", {"n": 1, "title": "some words"})

    async def ask() -> tuple[Any, Any]:
        return await store.aio.find({"n": 1}), await store.aio.grep("words")

    found, lines = asyncio.run(ask())
    assert keys(found) == ["a"]
    assert lines.hits[0].line == "some words"


def test_the_hook_is_told() -> None:
    told: list[fsstore.Operation] = []
    with fsstore.open(":memory:", ops=told.append) as store:
        store.set_many({"a": 1, "b": 2})
        store.index("n")
        store.find(prefix="a")
        store.grep("1")
    assert [(each.op, each.key, each.count) for each in told[1:]] == [
        ("index", None, 0),
        ("find", "a", 1),
        ("grep", None, 1),
    ]


def test_a_closed_store(store: Store) -> None:
    store.close()
    for call in (lambda: store.find({"n": 1}), lambda: store.grep("a"), lambda: store.index("n")):
        with pytest.raises(Closed):
            call()


# -- declaring -------------------------------------------------------------------------------------


def test_what_is_declared_is_a_rule_of_the_namespace(root: Path) -> None:
    with make(root) as store:
        other = store.use_namespace("other:space")
        other.index("a.b", "a.b", text="title")
        rules = root / "other%3Aspace/.meta/.namespace.json"
        assert re.sub(r"\s", "", rules.read_text()) == '{"index":{"fields":["a.b"],"text":["title"]}}'
        other.set("k", {"a": {"b": 1}})
        assert not other.find({"a.b": 1}).scanned
        assert store.find({"a.b": 1}).scanned
        other.index()
        assert other.find({"a.b": 1}).scanned
        rules.parent.mkdir(exist_ok=True)
        rules.write_text('{"index": {"fields": ["n"]}}')  # a person may declare it, too
        other.set("m", {"n": 1})
    with fsstore.open(root, git=False) as store:
        other = store.use_namespace("other:space")
        assert keys(other.find({"n": 1})) == ["m"]
        assert not other.find({"n": 1}).scanned


@pytest.mark.parametrize("rules", ['{"index": []}', '{"index": {"fields": "n"}}', '{"index": {"text": [1]}}', "{"])
def test_rules_that_make_no_sense_are_told_with_their_file(root: Path, rules: str) -> None:
    with make(root) as store:
        store.set("a", {"n": 1})
        path = root / "default/.meta/.namespace.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(rules)
    with fsstore.open(root, git=False) as store:
        with pytest.raises(BadValue, match=re.escape(str(path))):
            store.find({"n": 1}, text="word")  # who knows where
        found = store.find({"n": 1})
        assert (keys(found), found.scanned) == (["a"], True)


def test_what_cannot_be_declared(store: Store) -> None:
    with pytest.raises(InvalidValue, match="backslash"):
        store.index("a\\")
    with pytest.raises(UnsupportedType):
        store.index(3)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedType):
        store.index(text=[None])  # type: ignore[list-item]


def test_a_store_that_is_only_read(root: Path) -> None:
    with make(root) as store:
        store.index("n")
        store.set_many({"a": {"n": 1}, "b": {"n": 2}})
        store.find({"n": 1})
    with fsstore.open(root, read_only=True) as store:
        with pytest.raises(ReadOnly):
            store.index("m")
        found = store.find({"n": 1})
        assert (keys(found), found.scanned) == (["a"], True)


# -- files that make no sense ----------------------------------------------------------------------


@pytest.fixture(params=["scanned", "indexed"])
def broken(request: pytest.FixtureRequest, root: Path) -> Store:
    """A store with a file that holds no value."""
    with make(root) as store:
        if request.param == "indexed":
            store.index("n", text=["title"])
        store.set_many({key: {"n": 1, "title": "word"} for key in "abcdefg"})
        (root / "default/c.json").write_text('{"n": 1, ')
        (root / "default/h.json").mkdir()
    return fsstore.open(root, git=False)


def test_they_are_told_and_hide_no_hit(broken: Store) -> None:
    with broken as store:
        for _ in range(2):
            found = store.find({"n": 1})
            assert keys(found) == list("abdefg")
            assert sorted(found.errors) == ["c", "h"]
            assert isinstance(found.errors["c"], BadValue)
            found = store.find({"n": 1}, text="word", limit=2)
            assert (keys(found), found.cut, found.after) == (["a", "b"], True, "b")
            assert found.errors == {}  # it was not come to
            found = store.find({"n": 1}, limit=2, after="b")
            assert (keys(found), sorted(found.errors)) == (["d", "e"], ["c"])


def test_they_are_found_once_they_are_mended(broken: Store, root: Path) -> None:
    with broken as store:
        store.find({"n": 1})
        store.set("c", {"n": 1})
        (root / "default/h.json").rmdir()
        found = store.find({"n": 1})
        assert (keys(found), found.errors) == (list("abcdefg"), {})
