"""The file of the index: whatever becomes of it, or lies in its place, no search fails and none is wrong."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from files.children import in_child, line, start

import fsstore
from fsstore import Store
from fsstore.finding import index

from .asking import check
from .conftest import make

INDEX = ".fsstore/index/find.sqlite"
HELD = {f"k{each:03d}": {"n": each, "status": "open", "title": f"word{each}"} for each in range(300)}


@pytest.fixture
def filled(indexed: Store) -> Store:
    """A store with an index that is made."""
    indexed.set_many(HELD)
    check(indexed)
    return indexed


def other_version(path: Path) -> None:
    """As a later fsstore may leave it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("DROP TABLE about")
        db.execute("CREATE TABLE something(else_)")


def without_tables(path: Path) -> None:
    """Somebody was at it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE entries_1")


def with_a_wrong_mark(path: Path) -> None:
    """As if what was kept were something else."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE spaces SET mark = ?", (b'[1, 2, "x"]',))
        db.commit()


HARM: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "empty": lambda path: os.truncate(path, 0),
    "cut": lambda path: os.truncate(path, 5000),
    "text": lambda path: path.write_text("no database\n" * 1000),
    "other version": other_version,
    "without tables": without_tables,
    "wrong mark": with_a_wrong_mark,
}


@pytest.mark.parametrize("harm", HARM)
def test_it_is_made_anew(filled: Store, root: Path, harm: str) -> None:
    HARM[harm](root / INDEX)
    check(filled)
    filled.set("a", {"status": "open", "n": 5})
    check(filled)


@pytest.mark.parametrize("seed", range(6))
def test_pages_that_are_damaged(filled: Store, root: Path, seed: int) -> None:
    """Where SQLite finds out; a page that makes sense is believed, and hits are looked at in their files."""
    draw = random.Random(seed)
    raw = bytearray((root / INDEX).read_bytes())
    at = 4096 * draw.randrange(len(raw) // 4096)
    raw[at : at + 4096] = b"\xff" * 4096
    (root / INDEX).write_bytes(raw)
    check(filled)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    outside = path.parents[2].with_name("outside")
    os.rename(path, outside)
    path.symlink_to(outside)


def _no_room(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file")


@pytest.mark.parametrize("harm", [_directory, _link, _no_room])
def test_where_it_cannot_be_all_is_read(filled: Store, root: Path, harm: Callable[[Path], object]) -> None:
    harm(root / INDEX)
    filled.set("a", {"status": "open", "n": 500})
    found = filled.find({"n": {"gte": 299}})
    assert ([hit.key for hit in found], found.scanned) == (["a", "k299"], True)


def test_a_link_in_its_place_is_not_followed(filled: Store, root: Path) -> None:
    _link(root / INDEX)
    before = root.with_name("outside").read_bytes()
    filled.set("a", {"status": "open", "n": 500})
    filled.find({"n": 500})
    assert root.with_name("outside").read_bytes() == before


def test_it_is_no_part_of_the_store(filled: Store, root: Path, tmp_path: Path) -> None:
    filled.backup(tmp_path / "copy")
    assert not (tmp_path / "copy" / INDEX).exists()
    assert [finding for finding in filled.doctor() if ".fsstore" in finding.path] == []
    assert filled.list_namespaces() == ["default"]


# -- other processes -------------------------------------------------------------------------------

BUILDS = """
import sys, fsstore
from fsstore.finding.index import Space
note, noted = Space.note, []
def stop(self, rows):
    note(self, rows)
    print("building", flush=True)
    sys.stdin.read()
Space.note = stop
fsstore.open(sys.argv[1], git=False).find({"n": 1})
"""


def test_all_is_read_while_another_process_makes_it(
    indexed: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_PATIENCE", 0.01)
    indexed.set_many(HELD)
    process = start(BUILDS, root)
    assert line(process) == "building"
    found = indexed.find({"n": {"gte": 299}})
    assert ([hit.key for hit in found], found.scanned) == (["k299"], True)
    process.kill()  # it leaves half an index
    process.communicate()
    check(indexed)
    indexed.set("a", {"n": 300})
    check(indexed)


def test_a_writer_that_is_killed_leaves_what_was(filled: Store, root: Path) -> None:
    filled.set_many({f"x{each}": {"n": each % 8} for each in range(50)})
    process = start(BUILDS, root)
    assert line(process) == "building"
    process.kill()
    process.communicate()
    check(filled)


def test_a_forked_child_searches(filled: Store) -> None:
    in_child(lambda: check(filled))
    check(filled)


def test_threads_find_what_they_have_written(filled: Store) -> None:
    wrong: list[object] = []
    begin = threading.Barrier(4)

    def work(number: int) -> None:
        begin.wait()
        for each in range(15):
            filled.set(f"t{number}:{each}", {"n": 1000 + number, "status": f"s{number}-{each}"})
            found = filled.find({"status": f"s{number}-{each}"})
            if [hit.key for hit in found] != [f"t{number}:{each}"]:
                wrong.append((number, each, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    check(filled)


def test_a_store_that_was_copied_with_it(filled: Store, root: Path, tmp_path: Path) -> None:
    """What it says of the other store's files is not believed."""
    import shutil

    shutil.copytree(root, tmp_path / "copy")
    (tmp_path / "copy/default/k000.json").write_text(json.dumps({"n": 7, "status": "open"}))
    with fsstore.open(tmp_path / "copy", git=False) as copy:
        check(copy)
    check(filled)


def test_several_namespaces_have_their_own(root: Path) -> None:
    with make(root) as store:
        spaces = [store.use_namespace(name) for name in ("one", "two", "three")]
        for number, space in enumerate(spaces):
            space.index("status", "n", text=["title"])
            space.set_many({f"k{each}": {"n": each + number, "status": "open"} for each in range(5)})
        for _ in range(2):
            for space in spaces:
                check(space)
            spaces[1].clear()
            spaces[0].index("n", "status", text=["title"])
