"""Others make an index anew between a look at what it has and the note of what has changed since: nothing is missed."""

from __future__ import annotations

from pathlib import Path

import pytest
from files.scripted import before

import fsstore
from fsstore.engines.files import traces
from fsstore.finding.index import Index

from .conftest import make


def test_nothing_is_missed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "is_settled", lambda *_: True)  # as if all were long ago: unchanged is not looked at
    with make(root) as store:
        store.index("n")
        store.set_many({f"k{each}": {"n": 1} for each in range(5)})
        assert len(store.find({"n": 1})) == 5
        store.set("new", {"n": 1})

        def declare() -> None:
            with fsstore.open(root, git=False) as other:
                other.index("m")
                assert len(other.find({"m": 1})) == 0

        with monkeypatch.context() as patch:
            before(patch, Index, "begin", declare, lambda _, write: write)
            assert len(store.find({"n": 1})) == 6
        store.index("n")
        assert len(store.find({"n": 1})) == 6
