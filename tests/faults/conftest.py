"""A scratch directory in memory, and the tools that disturb a process; without them a test is skipped, in CI it fails."""

from __future__ import annotations

import pytest
from files.conftest import _no_process_stays, disk, root, scratch
from files.needs import need_program, need_root

__all__ = ["_no_process_stays", "disk", "root", "scratch", "strace"]


@pytest.fixture
def strace() -> None:
    """Root, and strace."""
    need_root()
    need_program("strace")
