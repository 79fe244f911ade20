"""Hostile keys on a real disk: each round-trips in one store, and nothing outside its namespace is touched."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import fsstore
from fsstore import InvalidName, Store
from fsstore.engines.files import places

from .surroundings import picture

FIXED = [
    *("", " ", ".", "..", "...", "/", "//", ":", "::", ":/", "/:", "a:", ":a", "a/", "/a", "a::b", "a//b"),
    *("a:/b", "a/:b", "../../etc/passwd", "../outside/file", "..:..:outside:file", "/etc/passwd"),
    *("a/../../../b", "./a", "a/./b", "~", "~/x", ".git", ".git/config", ".git:hooks:post-commit", ".fsstore"),
    *(".fsstore/locks/00", ".fsstore:journal:00", ".meta", ".meta/good", ".meta:good", ".gitignore"),
    *("fsstore.json", "fsstore", "a", "a.json", "a:b", "a/b", "a.json:b", "A", "a.txt", "%", "%2F", "%2e%2e"),
    *("a%", "%.json", "a\\b", "..\\x", "\x00", "a\nb", "\x7f", "\u202e", "\ufeff", "é", "e\u0301", "CON"),
    *("nul.json", "git~1", "-rf", "--", "$(touch outside)", "`id`", "*", "a?b<c>|d", "x" * 1000),
    *("\U0001f600" * 200, "trailing ", "trailing.", "é" * 101, "a:" * 200 + "end", "core|audit|NONE"),
    *("fetch:https://h/a?b=c&d=%20", "a" * 200),
]  # fmt: skip
ALPHABET = ["a", "b", "A", ".", "..", "/", ":", "%", "%2F", "%3A", " ", "\\", ".json", ".git", ".fsstore", ".meta", "~"]
ALPHABET += [
    "\0",
    "\n",
    "\u200b",
    "é",
    "e\u0301",
    "\U0001f600",
    "con",
    "x" * 199,
    "-",
    "*",
    "'",
    '"',
    "\udbff"[:0],
    "ß",
]


def generated(count: int) -> list[str]:
    draw = random.Random(20_240_607)
    return ["".join(draw.choices(ALPHABET, k=draw.randint(1, 12))) for _ in range(count)]


KEYS = list(dict.fromkeys([*FIXED, *generated(500)]))


def test_there_are_many_keys() -> None:
    assert len(FIXED) >= 60
    assert len(KEYS) >= 500


def test_hostile_keys_live_side_by_side(scratch: Path, opener: str) -> None:
    (scratch / "outside").mkdir()
    (scratch / "outside" / "file.json").write_text("0\n")
    with fsstore.open(scratch / "store") as store:
        store.set("warm", 1)
        store.delete("warm")
        os.makedirs(scratch / "store" / ".git" / "hooks")
        (scratch / "store" / ".git" / "config").write_text("[core]\n")
        before = picture(scratch, leave_out=("store/default", "store/.fsstore"))
        runtime = set(os.listdir(scratch / "store" / ".fsstore"))

        for number, key in enumerate(KEYS):
            assert store.exists(key) is False
            store.set(key, [number, key], {"n": number} if number % 50 == 0 else None)
        for number, key in enumerate(KEYS):
            assert store.get(key) == [number, key]
            assert store.exists(key) is True
        assert store.list_keys() == sorted(KEYS)
        assert store.get_all() == {key: [number, key] for number, key in enumerate(KEYS)}
        assert [key for key, _ in store.items()] == sorted(KEYS)
        assert {finding.problem for finding in store.doctor()} == {"case-clash"}  # of a and A, elsewhere one file
        for number, key in enumerate(KEYS):
            record = store.info(key)
            assert (record.key, record.value) == (key, [number, key])
            assert record.metadata == ({"n": number} if number % 50 == 0 else {})
            assert os.path.commonpath([record.path, scratch / "store" / "default"]) == str(
                scratch / "store" / "default"
            )

        assert picture(scratch, leave_out=("store/default", "store/.fsstore")) == before
        assert set(os.listdir(scratch / "store" / ".fsstore")) == runtime
        for key in KEYS:
            assert store.delete(key) is True
        assert store.list_keys() == []
        assert not (scratch / "store" / "default").exists()
        assert picture(scratch, leave_out=("store/.fsstore",)) == before


@pytest.mark.parametrize(
    "namespace", [".git", ".fsstore", "..", ".", "/", "../outside", "a/b", "a:b", "%", "x" * 450, "\0"]
)
def test_hostile_namespaces_stay_inside_the_store(scratch: Path, namespace: str) -> None:
    with fsstore.open(scratch / "store") as store:
        before = picture(scratch, leave_out=("store/.fsstore",))
        handle = store.use_namespace(namespace)
        handle.set("k", 1)
        assert handle.get("k") == 1
        assert store.list_namespaces() == [namespace]
        assert not (scratch / "store" / ".git").exists()
        assert sorted(os.listdir(scratch)) == ["store"]
        assert handle.clear() == 1
        assert picture(scratch, leave_out=("store/.fsstore",)) == before


@pytest.mark.parametrize("key", ["\ud800", "a\udfffb", "x" * 3600, "%" * 1200])
def test_a_key_without_a_path_is_refused_before_anything_is_touched(disk: Store, root: Path, key: str) -> None:
    before = picture(root)
    for verb in (lambda: disk.set(key, 1), lambda: disk.get(key), lambda: disk.delete(key), lambda: disk.exists(key)):
        with pytest.raises(InvalidName):
            verb()
    assert picture(root) == before


def test_an_escape_would_be_caught(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing above can fail: with keys used as paths, one of them leaves the namespace."""
    monkeypatch.setattr(places, "encode_key", lambda key: f"{key}.json")
    with fsstore.open(scratch / "store") as store:
        before = picture(scratch, leave_out=("store/default", "store/.fsstore"))
        store.set("../.git/config", 1)
        assert picture(scratch, leave_out=("store/default", "store/.fsstore")) != before
