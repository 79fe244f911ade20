"""What the tests of the runner share: a store of either engine, and a way to write an agent file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore import Store

Write = Callable[[str, str], Path]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fsstore.open(":memory:" if request.param == "memory" else tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write an agent file."""

    def call(name: str, source: str) -> Path:
        path = tmp_path / name
        path.write_text(source)
        return path

    return call
