"""A scratch directory in memory, and the tools that disturb a process: where they lack, tests skip, or fail in CI."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from files.conftest import _no_process_stays, disk, root, scratch
from files.mounts import served_disk
from files.needs import need_program, need_root

from fsstore.engines.files import kept, rules, sidecars, stripes

from .forgetting import Disk, empty

__all__ = ["_no_process_stays", "disk", "root", "scratch", "scratch_for_all", "strace"]


@pytest.fixture(scope="module")
def scratch_for_all() -> Iterator[Path]:
    """An empty directory for all tests of a module."""
    with tempfile.TemporaryDirectory(prefix="fsstore-test-", dir="/dev/shm") as made:
        yield Path(made)


@pytest.fixture(autouse=True)
def _same_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at again after 50 ms is looked at each time: a run has the calls of the one before it."""
    for module, name in ((kept, "_RECHECK"), (stripes, "_RECHECK"), (sidecars, "_BELIEVED"), (rules, "_BELIEVED")):
        monkeypatch.setattr(module, name, 0.0)


@pytest.fixture
def strace() -> None:
    """Root, and strace."""
    need_root()
    need_program("strace")


@pytest.fixture(scope="module")
def disk_that_forgets(scratch_for_all: Path) -> Iterator[Disk]:
    with served_disk("faults.cutfs", scratch_for_all / "disk") as at:
        disk = Disk(at)
        disk.tell("save")
        yield disk


@pytest.fixture
def forgetful(disk_that_forgets: Disk) -> Iterator[Disk]:
    """An empty disk."""
    empty(disk_that_forgets)
    yield disk_that_forgets
    empty(disk_that_forgets)
