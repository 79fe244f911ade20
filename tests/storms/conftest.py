"""A scene in memory for each storm, and the summary of what they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from files.conftest import scratch

from .scene import Scene

__all__ = ["scene", "scratch"]


@pytest.fixture
def scene(scratch: Path) -> Iterator[Scene]:
    """A new store; whoever works on it is ended after the test."""
    made = Scene(scratch)
    yield made
    made.close()
