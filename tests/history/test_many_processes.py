"""Eight processes make runs in one store: every run that changed something is one commit, in one line of commits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .stores import TESTS, StoreRepo

PROCESSES, RUNS = 8, 40


def start(repo: StoreRepo, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "history.writers", str(repo.root), str(number), str(RUNS)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=TESTS, env=repo.environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_each_run_that_changed_something_is_one_commit(scratch: Path) -> None:
    repo = StoreRepo(scratch / "store")
    first = repo.head()
    writers = [start(repo, number) for number in range(PROCESSES)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    told = [writer.communicate(timeout=100) for writer in writers]
    assert [complaints for _, complaints in told] == [""] * PROCESSES
    assert {writer.returncode for writer in writers} == {0}
    changed = sorted(name for output, _ in told for name in output.split())
    runs = repo.lines("log", "--format=%(trailers:key=Run-Id,valueonly,separator=)", f"{first}..HEAD")
    assert sorted(runs) == changed
    assert len(changed) == PROCESSES * RUNS * 8 // 10
    assert repo.lines("rev-list", "--merges", "HEAD") == []
    assert set(repo.lines("log", "--format=%(trailers:key=Status,valueonly,separator=)", f"{first}..HEAD")) == {"ok"}
    _each_holds_its_own(repo, first)
    repo.check()
    assert repo.snapshot() is None


def _each_holds_its_own(repo: StoreRepo, first: str) -> None:
    """A commit has files of its run's namespace only, and of what is common to all."""
    form = "--format=%x01%(trailers:key=Run-Id,valueonly,separator=)"
    for part in repo.git("log", "--name-only", form, f"{first}..HEAD").split("\x01")[1:]:
        run, *paths = [line for line in part.split("\n") if line]
        number = run.partition("-")[0]
        assert paths
        assert all(path.startswith((f"of {number}/", "default/common.json")) for path in paths), part
