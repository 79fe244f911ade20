"""When every file is looked at for what was written in place: rarely, and never twice for several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fsstore
from fsstore import Store
from fsstore.engines.files.traces import _Look

from .asking import written


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each look at all files."""
    found: list[str] = []
    look = _Look._look_at_all

    def look_and_note(self: _Look) -> None:
        found.append(self._root)
        look(self)

    monkeypatch.setattr(_Look, "_look_at_all", look_and_note)
    return found


def ask(store: Store) -> list[str]:
    """By the index."""
    found = store.find({"n": 1})
    assert not found.scanned
    return [hit.key for hit in found]


def test_a_look_counts_for_all_processes(indexed: Store, root: Path, looks: list[str]) -> None:
    indexed.set("a", {"n": 1})
    assert ask(indexed) == ["a"]
    assert looks == ["default"]
    with fsstore.open(root, git=False) as other:  # it knows what is in the index's file only
        assert ask(other) == ["a"]
        other.set("b", {"n": 1})
        assert ask(other) == ["a", "b"]
    assert ask(indexed) == ["a", "b"]
    assert looks == ["default"]


def test_it_is_due_after_a_while(indexed: Store, root: Path, looks: list[str]) -> None:
    indexed.set("a", {"n": 1})
    assert ask(indexed) == ["a"]
    written(root / "default/a.json", '{"n": 2}')
    indexed.set("b", {"n": 2})
    written(root / "default/b.json", '{"n": 1, "status": 7}')
    marker = json.loads((root / "fsstore.json").read_text())
    marker["settings"]["sweep_seconds"] = 0
    (root / "fsstore.json").write_text(json.dumps(marker))
    with fsstore.open(root, git=False) as later:
        assert ask(later) == ["b"]
        written(root / "default/b.json", '{"n": 2}')
        written(root / "default/a.json", '{"n": 1, "status": 7}')
        assert ask(later) == ["a"]
    assert looks == ["default"] * 3


def test_the_first_one_with_an_observer_and_no_other(indexed: Store, looks: list[str]) -> None:
    indexed.set("a", {"n": 1})
    assert ask(indexed) == ["a"]
    with indexed.watch():
        for number in range(3):
            indexed.set(f"b{number}", {"n": 1})
            assert len(ask(indexed)) == 2 + number
    assert looks == ["default"] * 2


def test_verify(indexed: Store, looks: list[str]) -> None:
    indexed.set("a", {"n": 1})
    assert ask(indexed) == ["a"]
    assert len(indexed.find({"n": 1}, verify=True)) == 1
    assert looks == ["default"] * 2
