"""Locks of git: one that a killed command left is removed after a while, one that somebody needs is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from files.alarm import until

import fsstore
from fsstore.history import stale
from fsstore.history.publish import PATIENCE

from .flaws import flawed
from .repositories import ACTS, ENVIRONMENT, STAGED, Ground, git, wrong_history


@pytest.fixture
def ground(scratch: Path) -> Iterator[Ground]:
    """A store with changes that wait for a snapshot."""
    ground = Ground(scratch, ACTS[0])
    with ground.opened():
        yield ground


class Editing:
    """A real ``git commit -a`` that waits for its editor, until that is closed."""

    def __init__(self, root: Path) -> None:
        self._closed = root.parent / "closed"
        self._closed.unlink(missing_ok=True)
        wait = f'while [ ! -e "{self._closed}" ]; do sleep 0.05; done'
        editor = f"sh -c 'echo by hand > \"$1\"; {wait}' editor"
        self.process = subprocess.Popen(
            ["git", "commit", "-q", "-a"],
            cwd=root,
            env={**os.environ, **ENVIRONMENT, "GIT_EDITOR": editor},
            start_new_session=True,
        )
        message = root / ".git/COMMIT_EDITMSG"
        until(lambda: message.exists() and message.read_text() == "by hand\n")
        assert (root / ".git/index.lock").exists()

    def close(self) -> None:
        """Let the editor end, and the commit be made."""
        self._closed.touch()

    def kill(self) -> None:
        """End it, with its editor, and not in peace."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def test_a_commit_killed_in_its_editor(ground: Ground) -> None:
    Editing(ground.root).kill()
    assert (ground.root / ".git/index.lock").exists()
    began = time.monotonic()
    assert ground.complaint() is None
    assert 1.5 < time.monotonic() - began < PATIENCE - 2


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("refs/heads/main.lock", ("commit", "-q", "--allow-empty", "-m", "by hand")),
        ("HEAD.lock", ("switch", "-q", "-c", "side")),
        ("index.lock", ("add", STAGED)),
    ],
)
def test_a_command_killed_before_it_renames_its_lock(
    lock: str, command: tuple[str, ...], ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale, "_REST", 0.3)
    if lock == "index.lock":
        (ground.root / STAGED).write_text("another text\n")
    path = ground.root / ".git" / lock
    paths = [part for name in (path, path.relative_to(ground.root)) for part in ("-P", str(name))]
    kill = ["strace", "-f", "-o", "/dev/null", "-e", "inject=rename,renameat,renameat2:signal=KILL", *paths]
    subprocess.run([*kill, "git", *command], cwd=ground.root, env={**os.environ, **ENVIRONMENT}, check=False)
    assert path.exists()
    if lock == "index.lock":
        (ground.root / STAGED).write_text("to be committed by hand\n")
    assert ground.complaint_after_recovery() is None


def snapshot_beside(root: Path, seconds: float) -> str | None:
    """What goes wrong when a snapshot is made while a person commits, who is done after so long a time."""
    before = git(root, "rev-parse", "HEAD").strip()
    editing = Editing(root)
    closing = threading.Timer(seconds, editing.close)
    closing.start()
    try:
        with fsstore.open(root) as store:
            store.snapshot()
        closing.cancel()  # it has not been waited for
        editing.close()
        code = editing.process.wait(60)
    finally:
        closing.cancel()
        if editing.process.poll() is None:
            editing.kill()
    if code:
        return f"the person's commit ended with {code}"
    by_hand = git(root, "log", "--format=%H %P", "--grep=^by hand$", "-1").split()
    if by_hand[1:] != [before]:
        return f"the person's commit is {by_hand}"
    if "default/b.json" not in git(root, "show", "--format=", "--name-only", by_hand[0]):
        return "the person's edit is not in their commit"
    return wrong_history(root, by_hand, [])


def test_a_commit_that_waits_for_its_editor_is_waited_for(ground: Ground) -> None:
    assert snapshot_beside(ground.root, 3) is None


def test_a_lock_that_is_taken_for_stale_too_early_is_seen(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "_REST", 0.2)
    with flawed("nobody-at-work"):
        assert snapshot_beside(ground.root, PATIENCE / 2) is not None


def test_a_lock_that_is_never_taken_for_stale_is_seen(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "_REST", 0.2)
    monkeypatch.setattr("fsstore.history.publish.PATIENCE", 0.7)
    Editing(ground.root).kill()
    with flawed("no-lock-is-stale"):
        assert "RepositoryBusy" in str(ground.complaint())
