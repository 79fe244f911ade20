"""Every test that takes ``store`` runs on each engine; those that take ``disk`` have a store for several processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from files.children import end_all

import fsstore
from fsstore import Store


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The engines are named here and nowhere else."""
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", ("memory", "files"), indirect=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def disk(root: Path) -> Iterator[Store]:
    with fsstore.open(root, agent="tester") as opened:
        yield opened
    end_all()
