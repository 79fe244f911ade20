"""Whatever is written, by whom and how: after it, a search with an index gives what reading everything gives."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from files.children import finish, line, start, tell

import fsstore
from fsstore import Store
from fsstore.namespace import Handle

from .asking import QUESTIONS, answer, check, saved, told, written
from .conftest import make

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))
STEPS = 40
KEYS = ["a", "b", "c", "d:a", "d:b", "d:e:f", "d:e:g", "h/i", "h/j", "ü:x y", "z"]
WORDS = ["red", "redder", "green", "blue", "Grün"]
INDEX = ".fsstore/index/find.sqlite"


class Course:
    """One course of writes and edits on a store, drawn by chance."""

    def __init__(self, root: Path, store: Store, seed: int) -> None:
        self.root, self.store = root, store
        self.random = random.Random(seed)
        self.is_unseen = False
        """Whether something was edited in place since it was asked last."""
        self.home = root / "default"

    def value(self) -> Any:
        """Something to be found, or not."""
        draw = self.random
        if draw.random() < 0.1:
            return draw.choice([3, "open", None, ["open"]])
        return {
            "status": draw.choice(["open", "done", "other", 1, None]),
            "n": draw.choice([*range(8), "3", True, 2.5]),
            "title": " ".join(draw.sample(WORDS, 2)),
        }

    def text(self) -> str:
        """A file's."""
        return "{broken" if self.random.random() < 0.03 else json.dumps(self.value())

    def files(self) -> list[Path]:
        """Those of keys."""
        found = [path for path in self.home.rglob("*.json") if ".meta" not in path.parts and path.is_file()]
        return sorted(found)

    def step(self) -> None:
        """One more thing happens."""
        draw = self.random
        acts = (self.set, self.set_many, self.delete, self.transact, self.move_key, self.save, self.write, self.write)
        rare = (self.remove, self.rename, self.make_directory, self.move_directory, self.remove_directory, self.spoil)
        with contextlib.suppress(FileNotFoundError):  # what was to be edited is not there
            draw.choice(acts if draw.random() < 0.7 else rare)()

    def set(self) -> None:
        self.store.set(self.random.choice(KEYS), self.value())

    def set_many(self) -> None:
        self.store.set_many({key: self.value() for key in self.random.sample(KEYS, 4)})

    def delete(self) -> None:
        self.store.delete_many(self.random.sample(KEYS, 2))

    def transact(self) -> None:
        def change(tx: Handle) -> None:
            tx.set(self.random.choice(KEYS), self.value())
            tx.delete(self.random.choice(KEYS))
            tx.use_namespace("else").set("k", self.value())

        self.store.transact(change)

    def move_key(self) -> None:
        if names := self.store.list_keys():
            with contextlib.suppress(fsstore.BadValue):
                self.store.move(self.random.choice(names), self.random.choice(KEYS), overwrite=True)

    def save(self) -> None:
        saved(self.home / self.random.choice(["a.json", "d/b.json", "d/e/f.json", "new/file.json"]), self.text())

    def write(self) -> None:
        if files := self.files():
            written(self.random.choice(files), self.text())
            self.is_unseen = True

    def remove(self) -> None:
        self.random.choice(self.files() or [self.home / "none"]).unlink()

    def rename(self) -> None:
        path = self.random.choice(self.files() or [self.home / "none"])
        os.rename(path, path.with_name(self.random.choice(["a.json", "renamed.json"])))

    def make_directory(self) -> None:
        saved(self.home / f"m{self.random.randrange(3)}" / "deep/k.json", self.text())

    def move_directory(self) -> None:
        source, target = self.random.sample(["d", "new", "m0", "moved", "d/e"], 2)
        with contextlib.suppress(OSError):  # into itself, or onto one that is not empty
            os.rename(self.home / source, self.home / target)

    def remove_directory(self) -> None:
        name = self.random.choice(["d", "new", "moved", "d/e", "", "h%2F"])
        rules = self.home / ".meta/.namespace.json"
        kept = rules.read_bytes()
        shutil.rmtree(self.home / name)
        if not name:
            rules.parent.mkdir(parents=True)
            rules.write_bytes(kept)

    def spoil(self) -> None:
        """Harm the index."""
        path = self.root / INDEX
        act = self.random.randrange(4)
        if act == 0:
            path.unlink()
        elif act == 1:
            shutil.rmtree(path.parent)
        elif act == 2:
            os.truncate(path, self.random.choice([0, 100, 4096, 20000]))
        else:
            raw = bytearray(path.read_bytes())
            raw[: 4096 * 3] = self.random.randbytes(4096 * 3)
            path.write_bytes(raw)


def declared(root: Path) -> Store:
    """A store with an index."""
    store = make(root)
    store.index("status", "n", text=["title"])
    return store


@pytest.mark.parametrize("seed", range(8 * ROUNDS))
def test_without_an_observer(root: Path, seed: int) -> None:
    with declared(root) as store:
        course = Course(root, store, seed)
        for _ in range(STEPS):
            for _ in range(course.random.randrange(3)):
                course.step()
            check(store, verify=course.is_unseen)
            course.is_unseen = False


@pytest.mark.parametrize("seed", range(100, 100 + 8 * ROUNDS))
def test_with_an_observer(root: Path, seed: int) -> None:
    with declared(root) as store, store.watch():
        course = Course(root, store, seed)
        for _ in range(STEPS):
            for _ in range(course.random.randrange(3)):
                course.step()
            check(store)


@pytest.mark.parametrize("seed", range(200, 200 + 4 * ROUNDS))
def test_observers_that_come_and_go(root: Path, seed: int) -> None:
    with declared(root) as store:
        course = Course(root, store, seed)
        for _ in range(STEPS // 4):
            with store.watch():
                for _ in range(3):
                    course.step()
                    check(store)
            course.is_unseen = False
            for _ in range(3):
                course.step()
                check(store, verify=course.is_unseen)
                course.is_unseen = False
            course.write()


ELSEWHERE = """
import json, sys, fsstore
store = fsstore.open(sys.argv[1], git=False)
print("ready", flush=True)
for text in sys.stdin:
    asked = json.loads(text)
    if "set" in asked:
        store.set_many(asked["set"])
        print("{}", flush=True)
    else:
        found = store.find(**asked)
        print(json.dumps([found.hits, found.cut, found.after, sorted(found.errors), found.scanned]), flush=True)
"""


class Elsewhere:
    """Another process with the store open."""

    def __init__(self, root: Path) -> None:
        self.process: subprocess.Popen[str] = start(ELSEWHERE, root)
        assert line(self.process) == "ready"

    def ask(self, asked: dict[str, Any]) -> Any:
        """What it says."""
        tell(self.process, json.dumps(asked))
        return json.loads(line(self.process))


@pytest.fixture
def elsewhere(root: Path) -> Iterator[Elsewhere]:
    declared(root).close()
    found = Elsewhere(root)
    yield found
    finish(found.process)


@pytest.mark.parametrize("seed", range(300, 300 + 3 * ROUNDS))
def test_two_processes_share_an_index(root: Path, elsewhere: Elsewhere, seed: int) -> None:
    with fsstore.open(root, git=False) as store:
        course = Course(root, store, seed)
        for number in range(STEPS // 2):
            course.step()
            elsewhere.ask({"set": {course.random.choice(KEYS): course.value()}})
            if number % 2:
                check(store, verify=course.is_unseen)
            for index, question in enumerate(QUESTIONS):
                given = elsewhere.ask({**question, "verify": course.is_unseen and index == 0})
                right = answer(store, question)
                hits = [list(hit) for hit in right["hits"]]
                assert given == [hits, right["cut"], right["after"], right["errors"], False], question
            course.is_unseen = False
            if number % 2 == 0:
                check(store)


def test_a_new_process_finds_what_was_written_before(root: Path) -> None:
    with declared(root) as store:
        store.set_many({"a": {"n": 3}, "b": {"n": 4}})
        check(store)
        saved(root / "default/a.json", '{"n": 5}')
    found = Elsewhere(root)
    assert found.ask({"where": {"n": {"gte": 5}}}) == [[["a", {"n": 5}]], False, None, [], False]
    finish(found.process)
    with fsstore.open(root, git=False) as store:
        assert told(store.find({"n": 3}))["hits"] == []
