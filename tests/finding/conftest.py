"""Stores to be searched: in memory, in files, and in files with an index; and what a search must give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import Store

NEVER = 1e9
"""Seconds: no look at all files is due by itself."""


def make(root: Path) -> Store:
    """A store in which nothing is found because it is time to look at all files."""
    fsstore.open(root, git=False).close()
    marker = json.loads((root / "fsstore.json").read_text())
    marker["settings"]["sweep_seconds"] = NEVER
    (root / "fsstore.json").write_text(json.dumps(marker))
    return fsstore.open(root, git=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=["memory", "files", "indexed"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[Store]:
    """A store, perhaps with an index of all that the tests ask for."""
    with fsstore.open(":memory:") if request.param == "memory" else make(root) as opened:
        if request.param == "indexed":
            opened.index("status", "n", "a.b", "tags", "flag", "", r"x\.y", text=["title", "body"])
        elif request.param == "files":
            opened.index(text=["title", "body"])
        else:
            opened.index("n", text=["title", "body"])
        yield opened


@pytest.fixture
def indexed(root: Path) -> Iterator[Store]:
    """A store in files with an index."""
    with make(root) as opened:
        opened.index("status", "n", text=["title"])
        yield opened
