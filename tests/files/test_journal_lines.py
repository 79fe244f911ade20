"""What a journal's line tells beside who wrote: what was written together, and which lines this process wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

import fsstore
from fsstore import Store
from fsstore.engines.files import journal, ownlines
from fsstore.engines.files.engine import FileEngine
from fsstore.engines.files.ownlines import OwnLines

from .children import in_child


def lines(root: Path) -> dict[str, dict[str, Any]]:
    """The newest line of each path."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((root / ".fsstore/journal").glob("*.ndjson")):
        for raw in path.read_bytes().split(b"\n"):
            if raw and "path" in (line := orjson.loads(raw)):
                found[line["path"]] = line
    return found


def commits(root: Path) -> dict[str, str | None]:
    return {path.partition("/")[2]: line.get("commit") for path, line in lines(root).items()}


def own(store: Store) -> OwnLines:
    engine = store._engine
    assert isinstance(engine, FileEngine)
    return engine._journal.own


def expected(root: Path) -> set[tuple[str, float]]:
    return {(path, line["time"]) for path, line in lines(root).items()}


# -- written together ------------------------------------------------------------------------------


def test_lines_of_one_call_name_its_commit(disk: Store, root: Path) -> None:
    disk.set_many({"a": 1, "b": 2})
    disk.set_many({"c": 1, "d": 2})
    found = commits(root)
    assert found["a.json"] == found["b.json"] != found["c.json"] == found["d.json"]
    assert all(found.values())
    disk.delete_many(["a", "b"])
    again = commits(root)
    assert again["a.json"] == again["b.json"] not in (None, found["a.json"])


def test_lines_of_one_transaction_name_its_commit(disk: Store, root: Path) -> None:
    disk.set("old", 1)
    with disk.transaction() as tx:
        tx.set("a", tx.get("old"))
        tx.use_namespace("other").set("b", 2)
        tx.delete("old")
    found = commits(root)
    assert found["a.json"] == found["b.json"] == found["old.json"] is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.set("a", 1),
        lambda store: store.set("a", 1, metadata={"x": 1}),
        lambda store: store.set_many({"a": 1, "same": 0}),
        lambda store: store.update("a", lambda value: 1),
        lambda store: store.delete_many(["same", "missing"]),
    ],
)
def test_the_line_of_a_key_alone_names_none(disk: Store, root: Path, act: Callable[[Store], object]) -> None:
    disk.set("same", 0)
    act(disk)
    assert all("commit" not in line for line in lines(root).values())


def test_a_compacted_journal_keeps_it(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.set_many({"a": 1, "b": 2})
    before = commits(root)
    monkeypatch.setattr(journal, "_LOOK_EVERY", 1)
    monkeypatch.setattr(journal, "_is_long", lambda fd: True)
    disk.set_many({f"k{number}": number for number in range(400)})
    first = (root / ".fsstore/journal").glob("*.ndjson")
    assert any(b'{"compacted"' in path.read_bytes() for path in first)
    assert {name: commits(root)[name] for name in before} == before


# -- one's own -------------------------------------------------------------------------------------


def test_nothing_is_noted_unless_somebody_asks(disk: Store) -> None:
    disk.set("a", 1)
    assert own(disk).noted is None


def test_own_lines_are_noted_of_all_handles_and_threads(disk: Store, root: Path) -> None:
    own(disk).noted = {}
    with fsstore.open(root, "second") as second, ThreadPoolExecutor(4) as pool:
        disk.set_many({"a": 1, "b": 2})
        second.set("c", 1)
        list(pool.map(lambda number: second.set(f"t{number}", number), range(40)))
        assert own(second) is own(disk)
    assert own(disk).noted is not None
    assert set(own(disk).noted or ()) == expected(root)


def test_the_lines_of_others_are_not_noted(disk: Store, root: Path) -> None:
    disk.set("before", 1)
    own(disk).noted = {}
    disk.set("mine", 1)
    mine = set(own(disk).noted or ())

    def child() -> None:
        assert own(disk).noted is None  # nobody watches there
        with fsstore.open(root, "child") as store:
            store.set("theirs", 1)
            assert own(store).noted is None

    in_child(child)
    assert mine == set(own(disk).noted or ()) == {(p, t) for p, t in expected(root) if p == "default/mine.json"}


def test_a_line_is_noted_before_it_can_be_found(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = own(disk).noted = {}
    seen: list[int] = []
    write = os.write

    def spy(fd: int, data: bytes) -> int:
        if b'"path"' in data:
            seen.append(len(noted))
        return write(fd, data)

    monkeypatch.setattr(os, "write", spy)
    disk.set("a", 1)
    assert seen == [1]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownlines, "_KEPT", 100)
    monkeypatch.setattr(ownlines, "_SLACK", 10)
    found = OwnLines()
    found.noted = {}
    for number in range(1000):
        found.note([{"path": "p", "time": float(number)}])
        assert list(found.noted)[-100:] == [("p", float(n)) for n in range(max(0, number - 99), number + 1)]
        assert len(found.noted) <= 110
