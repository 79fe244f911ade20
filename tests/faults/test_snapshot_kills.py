"""SIGKILL at every system call of a snapshot: nothing is lost, HEAD and index agree, and the next one goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .disturbed import ROUNDS
from .flaws import flawed
from .repositories import ACTS, Act, Ground
from .tally import TALLY
from .traced import Call

pytestmark = pytest.mark.usefixtures("strace")


def killed(ground: Ground, calls: list[Call]) -> Iterator[tuple[Call, str]]:
    """Each call at which a kill leaves something wrong, and what."""
    for call in calls:
        ended = ground.run(f"{call.name}:signal=KILL:when={call.nth}")
        assert ended.signal == signal.SIGKILL or ended.answer == "ok", ended
        TALLY["kills of snapshots"] += ended.signal == signal.SIGKILL
        if wrong := ground.complaint():
            yield call, wrong


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_killed_at_every_call(act: Act, scratch: Path) -> None:
    ground = Ground(scratch, act)
    calls = ground.calls()
    assert len(calls) >= 40
    assert list(killed(ground, calls if ROUNDS > 1 or act is ACTS[0] else calls[::7])) == []


@pytest.mark.parametrize("name", ["index-not-replaced", "branch-before-the-lock", "no-recovery-of-snapshots"])
def test_flaws_are_seen(name: str, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsstore.history.stale._REST", 0.1)
    with flawed(name):
        ground = Ground(scratch, ACTS[0])
        calls = [call for call in ground.calls() if call.name in ("link", "rename") and "index" in call.arguments]
        assert calls
        assert next(killed(ground, calls), None) is not None
