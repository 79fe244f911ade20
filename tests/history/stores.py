"""A store with its git, and a person who works in its directory with git's commands, whatever this machine's settings.

It uses the store as anybody does, and asks git itself about the outcome.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsstore

TESTS = Path(__file__).parents[1]


class StoreRepo:
    """A store in a directory, with one key and one snapshot, whose repository belongs to Ann."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root.parent / "home"
        """Where the person's own settings of git are."""
        self.home.mkdir(exist_ok=True)
        with self.open() as store:
            store.set("first", {"n": 1})
            store.snapshot()
        self.git("config", "user.name", "Ann")
        self.git("config", "user.email", "ann@example.org")

    # -- the store ---------------------------------------------------------------------------------

    def open(self, agent: str | None = "agent", **options: Any) -> fsstore.Store:
        """A handle of its own."""
        return fsstore.open(self.root, agent, **options)

    def run(self, agent: str, *deleted: str, **values: Any) -> None:
        """One run that sets and deletes keys of the default namespace, and commits it."""
        with self.open() as store, store.run(agent) as data:
            data.set_many(values)
            for key in deleted:
                data.delete(key)

    def snapshot(self, message: str | None = None, *, verify: bool = True) -> fsstore.Commit | None:
        """A snapshot by a handle that knows nothing of what was before; by default one that looks at every file."""
        with self.open() as store:
            return store.snapshot(message, verify=verify)

    def snapshot_elsewhere(self) -> str:
        """A snapshot by another process, which is in no run; the summaries of what it committed."""
        before = self.git("rev-parse", "HEAD").strip()
        done = python(
            self, "-c", f"import fsstore; fsstore.open({str(self.root)!r}, 'elsewhere').snapshot(verify=True)"
        )
        assert done.returncode == 0, done.stderr
        return self.git("log", "--format=%an: %s", f"{before}..HEAD")

    # -- the person --------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to find the person's settings of git, and no others."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "COVERAGE", "FSSTORE_"))
        }
        paths = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        own = {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true", "PYTHONPATH": paths}
        return {**kept, **own, "XDG_CONFIG_HOME": str(self.home / ".config")}

    def git(self, *arguments: str, check: bool = True, **variables: str) -> str:
        """Run git; what it printed, its complaints too."""
        worked, told = self.attempt(*arguments, **variables)
        assert worked or not check, f"git {arguments}: {told}"
        return told

    def attempt(self, *arguments: str, **variables: str) -> tuple[bool, str]:
        """Run git; whether it worked, and what it printed."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
            timeout=60,
        )
        return done.returncode == 0, done.stdout

    def lines(self, *arguments: str) -> list[str]:
        """Run git; the lines of what it printed."""
        return self.git(*arguments).splitlines()

    def path(self, key: str) -> Path:
        """The file of a key without odd characters, in the default namespace."""
        return self.root / "default" / f"{key}.json"

    def write(self, key: str, text: str) -> Path:
        """Write a key's file in place, as an editor does."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    # -- the outcome -------------------------------------------------------------------------------

    def head(self) -> str:
        """The id of HEAD's commit."""
        return self.git("rev-parse", "HEAD").strip()

    def commits(self, since: str = "") -> list[str]:
        """Author and changed paths of each commit after ``since``, oldest first: ``Ann: M default/a.json``."""
        spans = [f"{since}..HEAD"] if since else ["HEAD"]
        text = self.git("log", "--reverse", "--no-renames", "--name-status", "--format=%x01%an", *spans)
        found = []
        for part in text.split("\x01")[1:]:
            author, *changes = part.split("\n")
            found.append(f"{author}: {', '.join(change.replace(chr(9), ' ') for change in changes if change)}")
        return found

    def at(self, path: str, revision: str = "HEAD") -> str:
        """The content of a file in a commit."""
        return self.git("cat-file", "blob", f"{revision}:{path}")

    def status(self) -> list[str]:
        """What git's status says, one line a file."""
        return self.lines("status", "--porcelain")

    def check(self, *status: str) -> None:
        """The repository is sound, no lock of git's is left, the status is this and no more, and ours too."""
        assert self.git("fsck", "--full", "--strict", "--no-dangling") == ""
        assert self.status() == list(status)
        if not status:
            with self.open(None) as store:
                assert store.diff("HEAD") == []
        locks = [path.relative_to(self.root / ".git") for path in (self.root / ".git").rglob("*.lock")]
        assert [path for path in locks if path.parts[0] != "fsstore"] == []


def python(repo: StoreRepo, *words: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these words, as the person, outside the store."""
    environment: Mapping[str, str] = {**repo.environment, **variables}
    return subprocess.run(
        [sys.executable, *words], cwd=TESTS, env=environment, capture_output=True, text=True, timeout=timeout
    )
