"""A ``store`` fixture for the tests of people whose agents use fsstore. Loaded by pytest by itself.

A test that takes ``store`` gets a new, empty store for itself: in memory, or with
``--fsstore-engine=files`` in a temporary directory. ``@pytest.mark.parametrize("store", ["memory",
"files"], indirect=True)`` runs it on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fsstore.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fsstore-engine``."""
    parser.addoption(
        "--fsstore-engine",
        choices=["memory", "files"],
        default="memory",
        help="where the store of the 'store' fixture keeps its records (default: memory)",
    )


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new, empty store, closed after the test."""
    import fsstore

    engine = getattr(request, "param", None) or request.config.getoption("--fsstore-engine")
    with fsstore.open(":memory:" if engine == "memory" else tmp_path / "store", agent="tester") as opened:
        yield opened
