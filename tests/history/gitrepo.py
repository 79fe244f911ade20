"""A repository made with git's own commands, out of reach of this machine's configuration; and histories at random."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

from fsstore.history.changes import Changes
from fsstore.history.log import Log
from fsstore.history.repository import Repository
from fsstore.history.trees import differences

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "fsstore",
    "GIT_COMMITTER_EMAIL": "fsstore@localhost",
    "GIT_MERGE_AUTOEDIT": "no",
    "GIT_EDITOR": "true",
}


class GitRepo:
    """A work tree. Each commit is a minute younger than the one before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = 1_700_000_000
        root.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git; what it printed."""
        date = f"{self.clock} +0200"
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**os.environ, **_ENVIRONMENT, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 or not check, f"git {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def lines(self, *arguments: str) -> list[str]:
        """Run git; the lines of what it printed."""
        return self.git(*arguments).splitlines()

    def write(self, path: str, value: Any) -> None:
        """A file with a JSON value, or with these bytes."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(value if isinstance(value, bytes) else json.dumps(value, indent=2).encode() + b"\n")

    def commit(self, message: str = "a commit", **files: Any) -> str:
        """Commit what differs, all of it; the new commit's id."""
        for path, value in files.items():
            self.write(path, value)
        self.clock += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def put(self, path: str, value: Any, message: str = "a commit") -> str:
        """Commit one file; the new commit's id."""
        self.write(path, value)
        return self.commit(message)

    def remove(self, path: str) -> str:
        """Commit that a file is gone."""
        (self.root / path).unlink()
        return self.commit()

    def head(self) -> str:
        """The id of HEAD's commit."""
        return self.git("rev-parse", "HEAD").strip()

    @property
    def repository(self) -> Repository:
        """Looked at afresh, as a new process does."""
        return Repository(str(self.root))

    def changes(self, *, read_only: bool = False) -> Changes:
        """The table of a new process."""
        repository = self.repository
        return Changes(repository.objects, repository.tree, read_only=read_only)

    def history(self, *, read_only: bool = False) -> Log:
        """The history of HEAD in a new process."""
        repository = self.repository
        changes = Changes(repository.objects, repository.tree, read_only=read_only)
        return Log(repository.objects, changes, repository.refs.head().commit, follow=True)

    def append(self, changes: Changes) -> None:
        """Do for HEAD's commit what a snapshot does."""
        repository = self.repository
        tip = repository.refs.head().commit
        assert tip is not None
        commit = repository.objects.commit(tip)
        parent = commit.parents[0] if commit.parents else None
        tree = repository.objects.commit(parent).tree if parent else None
        found = {path: new for path, _, new in differences(repository.objects, tree, commit.tree)}
        changes.append(parent, tip, found)

    def expected(self, path: str) -> set[str]:
        """The commits that changed a path, by git's word; a merge only where it differs from all its parents."""
        plain = self.lines("log", "--full-history", "--no-merges", "--format=%H", "--", path)
        merges = [line.split() for line in self.lines("log", "--merges", "--format=%H %P")]
        return {*plain, *(merge for merge, *parents in merges if self._differs(path, merge, parents))}

    def _differs(self, path: str, merge: str, parents: list[str]) -> bool:
        there = [self.git("ls-tree", commit, "--", path) for commit in (merge, *parents)]
        return there[0] not in there[1:]

    def found(self, path: str, changes: Changes | None = None) -> list[str]:
        """The same by our own table."""
        tip = self.repository.refs.head().commit
        assert tip is not None
        view = (changes or self.changes()).view(tip, follow=True)
        return [commit.hex() for commit, _ in view.search(path.encode())]


class Accidents:
    """What people do to a history, at random but repeatable."""

    paths = (*(f"default/{name}.json" for name in "abcd"), "default/a/b.json", "other/a.json", "README.md")

    def __init__(self, repo: GitRepo, seed: int) -> None:
        self.repo = repo
        self.random = random.Random(seed)
        self.steps = 0

    def happen(self) -> str:
        """One of them; which."""
        kinds = [self.edit] * 6 + [self.amend, self.reset, self.merge, self.rebase, self.pack, self.tag]
        kind = self.random.choice(kinds)
        kind()
        return kind.__name__

    def edit(self) -> None:
        """Some files are written, or removed, and committed."""
        self._scribble()
        self.repo.commit()

    def _scribble(self) -> None:
        self.steps += 1
        for path in self.random.sample(self.paths, self.random.randint(1, 3)):
            file = self.repo.root / path
            if file.exists() and self.random.random() < 0.2:
                file.unlink()
            else:
                self.repo.write(path, {"step": self.steps, "by": self.random.randrange(3)})

    def amend(self) -> None:
        """The last commit is made again, with more in it."""
        self._scribble()
        self.repo.git("add", "-A")
        self.repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "amended")

    def reset(self) -> None:
        """Some commits are given up."""
        count = len(self.repo.lines("rev-list", "--first-parent", "HEAD"))
        self.repo.git("reset", "-q", "--hard", f"HEAD~{self.random.randrange(min(count, 4))}")

    def _branch(self) -> None:
        count = len(self.repo.lines("rev-list", "--first-parent", "HEAD"))
        self.repo.git("switch", "-q", "-C", "side", f"HEAD~{self.random.randrange(min(count, 4))}")
        for _ in range(self.random.randint(1, 3)):
            self.edit()
        self.repo.git("switch", "-q", "main")

    def merge(self) -> None:
        """A branch comes back, with conflicts settled in one or another way."""
        self._branch()
        self.repo.clock += 60
        self.repo.git("merge", "-q", "--no-ff", "-m", "merged", *self.random.choice(self._ways), "side", check=False)
        if (self.repo.root / ".git/MERGE_HEAD").exists():
            self._settle()
            self.repo.commit("settled")

    _ways: tuple[tuple[str, ...], ...] = ((), ("-X", "ours"), ("-s", "ours"))

    def rebase(self) -> None:
        """A branch is put on top of main, and main follows it."""
        self._branch()
        self.edit()
        self.repo.clock += 60
        self.repo.git("switch", "-q", "side")
        self.repo.git("rebase", "-q", "-X", "theirs", "main", check=False)
        if any((self.repo.root / ".git" / name).exists() for name in ("rebase-merge", "rebase-apply")):
            self.repo.git("rebase", "--abort")
        else:
            self.repo.git("branch", "-q", "-f", "main", "side")
        self.repo.git("switch", "-q", "main")

    def _settle(self) -> None:
        for path in self.repo.lines("diff", "--name-only", "--diff-filter=U"):
            self.repo.write(path, {"settled": self.random.randrange(1000)})

    def pack(self) -> None:
        """References and objects are packed, objects as deltas."""
        self.repo.git("pack-refs", "--all")
        self.repo.git("gc", "-q")

    def tag(self) -> None:
        """A tag with a message; names of branches and tags are nothing to the table."""
        self.steps += 1
        self.repo.git("tag", "-a", "-m", "tagged", f"v{self.steps}")
