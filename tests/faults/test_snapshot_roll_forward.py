"""A snapshot killed between its commit on the branch and its index: git waits, and the next snapshot finishes it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import fsstore

from .flaws import flawed
from .repositories import ACTS, STAGED, Ground, calls_of, copy, git
from .tally import TALLY
from .traced import Call, run

pytestmark = pytest.mark.usefixtures("strace")


def _is_last_step(call: Call) -> bool:
    return call.name == "rename" and '/index.lock", ' in call.arguments


@pytest.fixture
def half(scratch: Path) -> Ground:
    """HEAD is the new commit; the index, still locked, is the old one."""
    ground = Ground(scratch, ACTS[0])
    (call,) = filter(_is_last_step, ground.calls())
    assert ground.run(f"{call.name}:signal=KILL:when={call.nth}").signal == signal.SIGKILL
    ground.commits = git(ground.root, "rev-list", "HEAD").split()
    assert ground.unsafe() is None
    return ground


@pytest.mark.parametrize("command", [("add", "default"), ("commit", "-q", "-m", "by hand"), ("commit", "-qam", "all")])
def test_git_refuses_until_the_next_snapshot(command: tuple[str, ...], half: Ground) -> None:
    before = git(half.root, "rev-parse", "HEAD")
    assert "index.lock': File exists" in git(half.root, *command, check=False)
    assert git(half.root, "rev-parse", "HEAD") == before
    assert half.complaint() is None


def _snapshot(root: Path) -> None:
    with fsstore.open(root) as store:
        store.snapshot()


@pytest.mark.parametrize("lock_is_there", [True, False])
def test_killed_again_while_finishing(lock_is_there: bool, half: Ground, scratch: Path) -> None:
    if not lock_is_there:
        _status(half.root)
    copy(half.root, scratch / "half")
    calls = [call for call in calls_of(lambda: _snapshot(half.root), half.root, scratch / "calls") if _is_a_step(call)]
    assert len(calls) >= 4
    for call in calls:
        copy(scratch / "half", half.root)
        TALLY["kills of snapshots"] += 1
        assert run(lambda: _snapshot(half.root), f"{call.name}:signal=KILL:when={call.nth}").signal == signal.SIGKILL
        assert half.complaint_after_recovery() is None, call


def _is_a_step(call: Call) -> bool:
    return call.name in ("link", "rename", "unlink", "write") and "/.git/" in call.arguments


def _removed(root: Path) -> None:
    (root / ".git/index.lock").unlink()


def _status(root: Path) -> None:
    _removed(root)
    git(root, "status")


def _refreshed(root: Path) -> None:
    _removed(root)
    git(root, "update-index", "--refresh", check=False)


def _added(root: Path) -> None:
    _removed(root)
    git(root, "reset", "-q", STAGED)
    git(root, "add", STAGED)


@pytest.mark.parametrize("by_hand", [_removed, _status, _refreshed, _added])
def test_the_lock_was_removed_by_hand(by_hand: Callable[[Path], None], half: Ground) -> None:
    by_hand(half.root)
    assert half.complaint_after_recovery() is None


def test_a_flaw_is_seen(half: Ground) -> None:
    with flawed("index-not-caught-up"):
        _status(half.root)
        assert half.complaint_after_recovery() is not None
