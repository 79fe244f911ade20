"""A scratch directory per test, on memory where there is some, that any user may enter."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files import atomic
from fsstore.engines.files.watching import catchup, held

from . import children
from .needs import need
from .recorder import Recorder

AGES = 3600  # seconds
INVALID_AFTER = held.INVALID_AFTER


@pytest.fixture(autouse=True)
def _who_writes_by_hand_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may be stopped in the middle of its writing, on a busy machine for long: no half file is told of then."""
    monkeypatch.setattr(held, "INVALID_AFTER", AGES * 1000 * held.MILLISECOND)
    monkeypatch.setattr(catchup, "_YOUNG", AGES)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, _who_writes_by_hand_has_time: None) -> None:
    """For a test of what is told of half a file: that comes as soon as it does elsewhere."""
    monkeypatch.setattr(held, "INVALID_AFTER", INVALID_AFTER)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """An empty directory, outside any directory that is closed to other users."""
    memory = "/dev/shm"
    made = tempfile.mkdtemp(prefix="fsstore-test-", dir=memory if os.access(memory, os.W_OK) else None)
    path = Path(made).resolve()
    path.chmod(0o755)
    yield path
    for _, directories, _, fd in os.fwalk(path):
        for name in directories:
            if not stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
                os.chmod(name, 0o700, dir_fd=fd)
    shutil.rmtree(path)


@pytest.fixture
def root(scratch: Path) -> Path:
    """Where the test's store will be."""
    return scratch / "store"


@pytest.fixture
def disk(root: Path) -> Iterator[fsstore.Store]:
    """An open store on files, written to by the agent ``tester``."""
    with fsstore.open(root, agent="tester") as opened:
        yield opened


@pytest.fixture
def watcher(disk: fsstore.Store) -> Iterator[Recorder]:
    """Somebody who watches it."""
    recorder = Recorder(disk)
    yield recorder
    recorder.feed.detach(recorder)


@pytest.fixture(autouse=True)
def _no_process_stays() -> Iterator[None]:
    yield
    children.end_all()


@pytest.fixture(params=["one call", "walk"])
def opener(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of reaching a file without following links: the kernel's, and the portable one."""
    if request.param == "walk":
        monkeypatch.setattr(atomic, "has_openat2", lambda: False)
    else:
        need(atomic.has_openat2(), "needs openat2 (Linux 5.6)")
    return str(request.param)
