"""A store that is watched, so that snapshots can ask the hub of their process; and what may be in the way of that."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from files.children import line, start, tell

from fsstore import Store
from fsstore.engine import Feed
from fsstore.engines.files.engine import FileEngine
from fsstore.errors import StoreError
from fsstore.events import Event, WatchStatus

from .stores import StoreRepo

SECONDS = 60.0
OURS = (".git", ".fsstore")

ELSEWHERE = """
import sys, fsstore
store = fsstore.open(sys.argv[1], "elsewhere")
print("ready", flush=True)
for line in sys.stdin:
    word, *rest = line.split()
    if word == "set":
        store.use_namespace("k").set(rest[0], int(rest[1]))
    print(store.snapshot(verify=word == "verify") is not None, flush=True)
"""


class Elsewhere:
    """Another process with the store open, which watches nothing."""

    def __init__(self, root: Path) -> None:
        self._process = start(ELSEWHERE, root)
        assert line(self._process) == "ready"

    def snapshot(self, what: str = "look") -> bool:
        """Whether it found something."""
        tell(self._process, what)
        return {"True": True, "False": False}[line(self._process)]

    def close(self) -> None:
        self._process.communicate(timeout=60)


class Watcher:
    """It is told of everything, and keeps nothing. While it is `held`, so is the hub's thread."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store, self._feed = store, feed
        self._goes_on, self._stands = threading.Event(), threading.Event()
        self._goes_on.set()

    def put(self, event: Event) -> None:
        """Take an event, when it may."""
        if not self._goes_on.is_set():
            self._stands.set()
            assert self._goes_on.wait(SECONDS)

    def end(self, error: StoreError | None) -> None:
        """Nothing more will come."""

    def status(self) -> WatchStatus:
        """How it goes."""
        return self._feed.status()

    def sync(self) -> None:
        """Wait until the hub has seen what has happened."""
        self._feed.sync(SECONDS)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The hub reads none of the kernel's hints in the body."""
        self._stands.clear()
        self._goes_on.clear()
        try:
            self._store.use_namespace("hold").set("hold", self._store.use_namespace("hold").get("hold", 0) + 1)
            assert self._stands.wait(SECONDS)
            yield
        finally:
            self._goes_on.set()


@contextmanager
def watched(store: Store) -> Iterator[Watcher]:
    """A hub runs in the body."""
    engine = store._engine
    assert isinstance(engine, FileEngine)
    feed = engine.feed()
    watcher = Watcher(store, feed)
    feed.attach(watcher)
    try:
        yield watcher
    finally:
        feed.detach(watcher)


def some_store(root: Path) -> StoreRepo:
    """A store with keys, a sidecar and files that are no keys, all in its history; nothing in it is young."""
    found = StoreRepo(root)
    marker = json.loads((found.root / "fsstore.json").read_text())
    marker["settings"]["sweep_seconds"] = 1e9  # none sweeps because it is time
    (found.root / "fsstore.json").write_text(json.dumps(marker))
    with found.open() as store:
        store.set_many({"a": 1, "b": 1, "d:e:f": 1})
        store.set("with", 1, metadata={"n": 1})
    (found.root / "default/notes.txt").write_text("1")
    Path(os.fsdecode(os.fsencode(found.root) + b"/default/\xff.txt")).write_text("1")
    aged(found.root, *[path for path in found.root.rglob("*") if path.relative_to(found.root).parts[0] not in OURS])
    found.snapshot()
    return found


def edit(path: Path, old: str = "1", new: str = "2") -> None:
    """In place, to the same size."""
    text = path.read_text()
    assert old in text
    assert len(old) == len(new)
    with open(path, "r+") as file:
        file.write(text.replace(old, new))


def found_by(repo: StoreRepo, act: Callable[[], object]) -> list[str]:
    """What is changed by the commits that come of it, but for the keys of the test's own means."""
    before = repo.head()
    act()
    changes = [each for commit in repo.commits(before) for each in commit.partition(": ")[2].split(", ")]
    return [each for each in changes if "hold/" not in each and " k/" not in each]


def aged(*paths: Path) -> None:
    """Make files, or directories, so old that their times prove that nothing has happened to them since."""
    for path in paths:
        os.utime(path, (1e9, 1e9))
