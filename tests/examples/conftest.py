"""What the tests of the example agents share: a store of either engine, and a way to run an example in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"

Run = Callable[..., Any]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fsstore.open(":memory:" if request.param == "memory" else tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> Run:
    """Run an example by its name in the store of the test."""

    def call(example: str, **input: Any) -> Any:
        return fsstore.run_agent(EXAMPLES / f"{example}.py", input, store=store)

    return call


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("one two two\nthree\n")
    return path
