"""Stores with a history, and copies of their repositories for the peers: prepared once for each size. No clock here."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping

import fsstore
from benchmark.peers import NotInstalled
from fsstore import values

NAMESPACE = "items"
MANY_COMMITS_KEYS = 10
"""Keys of each commit in the row about a long history."""
_MARKER = "fsstore.json"
_COMMITTER = b"bench <bench@localhost>"
_FIRST = 1_700_000_000  # seconds since the epoch
_CONFIG = """\
[user]
\tname = bench
\temail = bench@localhost
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


def key(number: int) -> str:
    """``00:07:k42``: at most a hundred entries a directory, on every level."""
    return f"{number // 10_000:02d}:{number // 100 % 100:02d}:k{number % 100:02d}"


def value(number: int, version: int) -> dict[str, object]:
    """What an agent notes of an item: about 250 bytes as a file."""
    return {
        "id": number,
        "version": version,
        "name": f"item-{number}",
        "tags": ["alpha", "beta", str(number % 7)],
        "status": "active",
        "note": f"x{number * 7919 % 1_000_003}y{version} " * 4,
    }


def path(number: int) -> str:
    """The file of a key, relative to the store."""
    return f"{NAMESPACE}/{key(number).replace(':', '/')}.json"


def raw(number: int, version: int) -> bytes:
    """What the file holds."""
    return values.encode(value(number, version))


class Repositories:
    """The repositories of one directory of measurements: of each kind and size one, with the peers' copies of it.

    They stay until the last row is measured, and go on from where the row before has left them.
    """

    def __init__(self, home: str) -> None:
        """``home`` is a directory that stays as long."""
        if shutil.which("git") is None:
            raise NotInstalled("git is not installed")
        self._home = home
        os.makedirs(f"{home}/user", exist_ok=True)
        with open(f"{home}/user/.gitconfig", "w", encoding="utf-8") as file:
            file.write(_CONFIG)
        inherited = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {
            **inherited,
            "PYTHONPYCACHEPREFIX": f"{home}/user/compiled",  # as an installed package is: compiled once
            "HOME": f"{home}/user",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def of_keys(self, count: int, copy: str, *, flat: bool = False) -> str:
        """A store of so many keys in one commit; with ``flat`` all in one directory."""
        base = f"{self._home}/{'flat' if flat else 'keys'}{count}"
        if not os.path.isdir(base):
            self._make(base, _all_at_once(count, flat=flat))
        return self._copy(base, copy)

    def of_commits(self, commits: int, keys: int, copy: str) -> str:
        """A store with so many commits, each of `MANY_COMMITS_KEYS` among so many keys; all in one pack."""
        base = f"{self._home}/commits{commits}"
        if not os.path.isdir(base):
            self._make(base, _one_after_another(commits, keys))
        return self._copy(base, copy)

    def _make(self, base: str, stream: Iterator[bytes]) -> None:
        """A repository as a store makes it, then with what is in the stream."""
        fsstore.open(base).close()
        with open(f"{base}/{_MARKER}", "r+b") as file:
            marker = values.decode(file.read())
            marker["settings"]["sweep_seconds"] = 1e9  # no row sweeps unless it is about that
            file.seek(0)
            file.write(values.encode(marker))
            file.truncate()
        with fsstore.open(base) as store:
            store.snapshot()
        with subprocess.Popen(
            ["git", "-C", base, "fast-import", "--quiet"], env=self.environment, stdin=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            for piece in stream:
                process.stdin.write(piece)
        assert process.returncode == 0

    def _copy(self, base: str, copy: str) -> str:
        """A copy of its own for one contender, checked out, with an index that is right and at rest."""
        root = f"{base}-{copy}"
        if not os.path.isdir(root):
            os.makedirs(root)
            shutil.copytree(f"{base}/.git", f"{root}/.git")
            shutil.rmtree(f"{root}/.git/fsstore")  # what it knows of the files is about others
            self.git(root, "reset", "-q", "--hard", "main")
            time.sleep(1.02 - time.time() % 1)  # git looks into files of the index's own second
            self.git(root, "status", "--porcelain")
        return root

    def git(self, root: str, *words: str) -> str:
        """Run git, as its user runs it."""
        done = subprocess.run(["git", "-C", root, *words], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def check(self, root: str, head: str | None = None) -> None:
        """What must hold after every timed call: nothing to commit, nothing damaged, HEAD where it should be."""
        found = self.git(root, "--no-optional-locks", "status", "--porcelain")
        assert found == "", found[:500]
        self.git(root, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        assert head is None or self.git(root, "rev-parse", "HEAD").strip() == head


def write_files(root: str, changed: Mapping[int, int], *, flat: bool = False) -> None:
    """What an agent without a store does: each file replaced whole. Numbers of keys with their versions."""
    for number, version in changed.items():
        target = f"{root}/{flat_path(number) if flat else path(number)}"
        with open(f"{target}.tmp", "wb") as file:
            file.write(raw(number, version))
        os.replace(f"{target}.tmp", target)


def flat_key(number: int) -> str:
    """A key of the store with all in one directory."""
    return f"k{number:07d}"


def flat_path(number: int) -> str:
    """Its file."""
    return f"{NAMESPACE}/{flat_key(number)}.json"


def _all_at_once(count: int, *, flat: bool) -> Iterator[bytes]:
    yield _head(b"all", 0)
    for number in range(count):
        yield _file(flat_path(number) if flat else path(number), raw(number, 0))


def _one_after_another(commits: int, keys: int) -> Iterator[bytes]:
    """Every key once in the first commit, then ten a commit: each key as often as any other."""
    yield _head(b"all", 0)
    for number in range(keys):
        yield _file(path(number), raw(number, 0))
    for commit in range(1, commits):
        yield _head(b"commit %d" % commit, commit, known=True)
        for number in some(commit, MANY_COMMITS_KEYS, keys):
            yield _file(path(number), raw(number, commit))


def some(turn: int, count: int, keys: int) -> list[int]:
    """Numbers of keys for one turn, all over the store."""
    start = turn * count
    return [(start + index) * 7919 % keys for index in range(count)]


def _head(message: bytes, number: int, *, known: bool = False) -> bytes:
    parent = b"" if known else b"from refs/heads/main^0\n"
    return b"commit refs/heads/main\ncommitter %b %d +0000\ndata %d\n%b\n%b" % (
        _COMMITTER,
        _FIRST + number,
        len(message),
        message,
        parent,
    )


def _file(path: str, content: bytes) -> bytes:
    return b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)
