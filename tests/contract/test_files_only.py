"""What only the file engine can get wrong: torn files, and directories that a person moves."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

BIG = [["a" * 1000] * 400, ["b" * 1000] * 700]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def files(root: Path) -> Iterator[Store]:
    with fsstore.open(root, agent="tester") as opened:
        yield opened


def test_a_file_opened_before_a_write_still_holds_the_old_value(files: Store, root: Path) -> None:
    files.set("k", BIG[0])
    with (root / "default" / "k.json").open(encoding="utf-8") as file:
        beginning = file.read(1000)
        files.set("k", BIG[1])
        assert json.loads(beginning + file.read()) == BIG[0]
    assert files.get("k") == BIG[1]


def test_no_reader_ever_sees_a_torn_value(files: Store, root: Path) -> None:
    """One reader uses the store, the other reads the file as any program would."""
    files.set("k", BIG[0])
    wrong: list[Any] = []
    done = threading.Event()

    def read(load: Any) -> None:
        while not done.is_set():
            try:
                value = load()
            except ValueError as error:
                wrong.append(str(error))
            else:
                if value not in BIG:
                    wrong.append(value)

    loads = (lambda: files.get("k"), lambda: json.loads((root / "default" / "k.json").read_bytes()))
    readers = [threading.Thread(target=read, args=(load,)) for load in loads]
    for reader in readers:
        reader.start()
    try:
        for number in range(100):
            files.set("k", BIG[number % 2])
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []


def test_writes_after_a_persons_mv_land_in_the_new_place(files: Store, root: Path) -> None:
    one, two = files.use_namespace("one"), files.use_namespace("two")
    one.set_many({"a": 1, "sub:b": 1}, {"m": 1})
    assert one.get("a") == 1
    (root / "one").rename(root / "two")
    assert two.get_all() == {"a": 1, "sub:b": 1}
    assert two.info("a").metadata == {"m": 1}
    one.set_many({"a": 2, "sub:b": 2})
    assert one.get_all() == {"a": 2, "sub:b": 2}
    assert two.get_all() == {"a": 1, "sub:b": 1}
    assert files.list_namespaces() == ["one", "two"]
    assert one.delete("a") is True
    assert two.list_keys() == ["a", "sub:b"]


def test_writes_after_directories_were_swapped_are_not_lost(files: Store, root: Path) -> None:
    for name in ("one", "two"):
        files.use_namespace(name).set("d:k", f"made in {name}")
    (root / "one").rename(root / "aside")
    (root / "two").rename(root / "one")
    (root / "aside").rename(root / "two")
    files.use_namespace("one").set("d:new", "one")
    files.use_namespace("two").set("d:new", "two")
    assert files.use_namespace("one").get_all() == {"d:k": "made in two", "d:new": "one"}
    assert files.use_namespace("two").get_all() == {"d:k": "made in one", "d:new": "two"}


def test_writes_after_a_sub_directory_was_moved(files: Store, root: Path) -> None:
    files.set_many({"a:x": 1, "a:y": 1})
    (root / "default" / "a").rename(root / "default" / "b")
    files.set("a:x", 2)
    assert files.get_all() == {"a:x": 2, "b:x": 1, "b:y": 1}
    assert json.loads((root / "default" / "a" / "x.json").read_text()) == 2


def test_writes_after_a_directory_was_removed_and_made_again(files: Store, root: Path) -> None:
    files.set("a:x", 1)
    shutil.rmtree(root / "default")
    assert files.list_keys() == []
    files.set("a:y", 2)
    assert files.get_all() == {"a:y": 2}
    shutil.rmtree(root / "default" / "a")
    (root / "default" / "a").mkdir()
    (root / "default" / "a" / "by-hand.json").write_text("3\n")
    files.set("a:y", 4)
    assert files.get_all() == {"a:by-hand": 3, "a:y": 4}


def test_a_person_moves_a_namespace_to_and_fro_while_an_agent_writes(files: Store, root: Path) -> None:
    """Every acknowledged write is in one of the two directories that the files went to."""
    one = files.use_namespace("one")
    one.set("k:0", 0)
    done = threading.Event()
    moved = 0

    def move() -> None:
        nonlocal moved
        while not done.is_set():
            target = root / f"moved-{moved}"
            try:
                os.rename(root / "one", target)
            except FileNotFoundError:
                continue
            moved += 1

    person = threading.Thread(target=move)
    person.start()
    number = 0
    try:
        while number < 200 or moved < 3:
            number += 1
            one.set(f"k:{number}", number)
    finally:
        done.set()
        person.join()
    found: dict[str, Any] = {}
    for name in files.list_namespaces():
        found |= files.use_namespace(name).get_all()
    assert found == {f"k:{each}": each for each in range(number + 1)}
