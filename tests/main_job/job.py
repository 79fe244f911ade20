"""The main job as the tests run it: a small real tree, a store, and what is in its files. It asserts no results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "scripts" / "ingest" / "agents"
STDLIB = Path(sysconfig.get_paths()["stdlib"])


class Job:
    """The main job on a tree of its own: two packages and a module of the standard library."""

    def __init__(self, directory: Path) -> None:
        self.source, self.store = directory / "lib", directory / "demo-store"
        self.source.mkdir()
        for name in ("json", "email"):
            shutil.copytree(STDLIB / name, self.source / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(STDLIB / "shlex.py", self.source)
        self.files = sorted(path.relative_to(self.source).as_posix() for path in self.source.rglob("*.py"))

    def command(self, *more: str) -> list[str]:
        options = ["--store", str(self.store), "--source", str(self.source)]
        return [sys.executable, "-m", "scripts.ingest", *options, *more]

    def run(self, *more: str, status: int = 0) -> str:
        """Run it in a process of its own; what it printed, or what it complained about."""
        done = subprocess.run(self.command(*more), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr
        assert (done.stderr == "") == (status == 0)
        return done.stdout if status == 0 else done.stderr

    def value(self, path: str) -> Any:
        """What a file of the store holds, read without the store."""
        return json.loads((self.store / path).read_text("utf-8"))

    def states(self) -> dict[str, tuple[int, int, int]]:
        """Inode, modification and change time of every file but the store's own, and those of its history."""
        found = {}
        for path in self.store.rglob("*"):
            relative = path.relative_to(self.store).as_posix()
            if path.is_file() and not relative.startswith((".fsstore/", ".git/")):
                status = path.stat()
                found[relative] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        return found

    def changed_by_a_run(self, *more: str) -> set[str]:
        """The files of the store that a run made, replaced, touched or removed."""
        before = self.states()
        self.run(*more)
        return {path for path, _ in before.items() ^ self.states().items()}

    def last_run(self) -> dict[str, int]:
        run: dict[str, int] = self.value("runs/lib.json")
        return run
