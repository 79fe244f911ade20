"""What the tests of the example agents share: a store of either engine, and a way to run an example in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.pool import Pool
from fsstore import Store

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scripts" / "examples"
FORMS = ("before", "after")

Run = Callable[..., Any]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fsstore.open(":memory:" if request.param == "memory" else tmp_path / "store") as opened:
        yield opened


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    """The one by hand, or the one with recipes."""
    name: str = request.param
    return name


@pytest.fixture
def run(store: Store, form: str) -> Run:
    """Run an example by its name, in either form, in the store of the test."""
    return _runner(store, form)


@pytest.fixture
def run_before(store: Store) -> Run:
    """The same for what only the form by hand does."""
    return _runner(store, "before")


@pytest.fixture
def run_after(store: Store) -> Run:
    """The same for what only the form with recipes does."""
    return _runner(store, "after")


@pytest.fixture
def run_alone(store: Store) -> Run:
    """The same for an example that has one form only."""
    return _runner(store, ".")


def _runner(store: Store, form: str) -> Run:
    def call(example: str, **input: Any) -> Any:
        return fsstore.run_agent(EXAMPLES / form / f"{example}.py", input, store=store)

    return call


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("# one two\n\ntwo three\n")
    return path


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Four processes that run example agents."""
    with Pool() as started:
        yield started
