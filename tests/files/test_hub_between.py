"""Between any two looks of an observer something happens: it never fails, and what it tells comes to what is there.

Each look at the file system is counted, and before one of them another party acts; once for every look there is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.engines.files import rules, sidecars
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.watching import held
from fsstore.engines.files.watching.authors import Writers
from fsstore.engines.files.watching.directories import Directory, signature
from fsstore.engines.files.watching.endings import Endings
from fsstore.engines.files.watching.inotify import Inotify
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.events import GONE, Content, Event

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")

Act = Callable[[fsstore.Store, Path], object]
Name = tuple[str, str]


class Looks:
    """The looks of one observer, and what somebody else does before one of them."""

    def __init__(self) -> None:
        self.count, self.at = 0, -1
        self.act: Callable[[], object] = lambda: None
        self.is_on = False

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """What is looked at meanwhile is what the observer looks at."""
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """What is looked at meanwhile is no look of the observer."""
        was, self.is_on = self.is_on, False
        try:
            yield
        finally:
            self.is_on = was

    def counted(self, look: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, as an observer has it."""

        def looking(*args: Any, **named: Any) -> Any:
            if self.is_on:
                self.count += 1
                if self.count == self.at:
                    with self.off(), contextlib.suppress(OSError, fsstore.StoreError):
                        self.act()
            return look(*args, **named)

        return looking


class Observer:
    """What an observer's thread does, in this one; and what a watcher knows by its events."""

    def __init__(self, store: fsstore.Store, looks: Looks) -> None:
        engine: Any = store._engine
        self.tree, self.events, self.told = Tree(engine.place), list[Event](), dict[Name, Any]()
        self._looks, self._notifier = looks, Inotify()
        tree: Any = self.tree
        tree._openers = {flags: looks.counted(opener) for flags, opener in tree._openers.items()}
        tree.open_file = looks.counted(tree.open_file)
        self._writers = Writers(self.tree, engine._journal, engine._places.stripe, {})
        self.state = Reconciler(self.tree, engine._limit, self._writers, self._take, self._notifier)
        self._writers.begin()
        self.state.is_root_in_doubt = True
        self.state.rescan()
        self.state.flush()
        self.state.is_baseline = False
        self.told.update(there(store))

    def _take(self, event: Event) -> None:
        self.events.append(event)
        name = event.namespace, event.key
        assert (name in self.told) is (event.kind != "created") or event.kind == "invalid", self.events
        if event.kind in GONE:
            del self.told[name]
        else:
            self.told[name] = event.value.of(event).value if isinstance(event.value, Content) else "invalid"

    def settle(self) -> None:
        """Go on until there is nothing to do."""
        end = time.monotonic() + 60
        while not self.state.is_settled or self._notifier.has_hints():
            assert time.monotonic() < end, vars(self.state)
            self.state.drain(all_of_it=True)
            self.state.is_root_in_doubt |= self.state.is_missing
            self.state.flush()

    def ends(self) -> dict[str, float]:
        """When keys end, as somebody finds it who begins now."""
        found = Endings(self.tree, None, 1 << 20)
        for directory in self.state.directories.values():
            if directory.is_namespace:
                found.add(directory.path)
        found.take()
        return found.ends

    def close(self) -> None:
        """Close what is open."""
        self._notifier.close()
        self._writers.close()


def there(store: fsstore.Store) -> dict[Name, Any]:
    """What is in a store."""
    found: dict[Name, Any] = {}
    for name in store.list_namespaces():
        namespace = store.use_namespace(name)
        for key in namespace.list_keys():
            try:
                found[name, key] = namespace.get(key)
            except fsstore.BadValue:
                found[name, key] = "invalid"
    return found


# -- what others do ----------------------------------------------------------------------------------


def _back(path: Path) -> None:
    away = path.with_name("away~")
    path.rename(away)
    away.rename(path)


def _again(store: fsstore.Store) -> None:
    store.delete("e")
    store.set("e", 13)


def _by_hand(root: Path, text: str) -> None:
    for name in ("e", "k"):
        (root / "new").write_text(text)
        (root / "new").rename(root / f"default/{name}.json")


def _pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "pipe").rename(root / "default/k.json")


def _anew(root: Path) -> None:
    shutil.copytree(root, root.with_name("copy"))
    shutil.rmtree(root)
    root.with_name("copy").rename(root)


ACTS: dict[str, Act] = {
    "set": lambda store, root: store.set("e", 10),
    "set, to end later": lambda store, root: store.set_many({"e": 11, "d:e": 12}, ttl=7200),
    "delete, and set": lambda store, root: _again(store),
    "sweep": lambda store, root: store.sweep(),
    "put by hand": lambda store, root: _by_hand(root, "20"),
    "pipe": lambda store, root: _pipe(root),
    "no ends": lambda store, root: shutil.rmtree(root / "default/.meta"),
    "ends back": lambda store, root: _back(root / "default/.meta"),
    "ends moved": lambda store, root: (root / "default/.meta").rename(root / "default/m"),
    "no rules": lambda store, root: (root / "default/.meta/.namespace.json").unlink(),
    "move": lambda store, root: (root / "default/d").rename(root / "default/f"),
    "no namespace": lambda store, root: shutil.rmtree(root / "default"),
    "store back": lambda store, root: _back(root),
    "store anew": lambda store, root: _anew(root),
}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Looks are counted, and nothing has to wait."""
    looks = Looks()
    for name in ("lstat", "stat", "fstat", "pread", "read", "scandir", "listdir"):
        monkeypatch.setattr(os, name, looks.counted(getattr(os, name)))
    monkeypatch.setattr(os.path, "lexists", looks.counted(os.path.lexists))
    for name, value in {
        "AFTER_CLOSE": 0,
        "SETTLED": 0,
        "PUT_BACK": 1000,
        "INVALID_AFTER": 1000,
        "MILLISECOND": 3000,
    }.items():
        monkeypatch.setattr(held, name, value)
    for module, name in ((rules, "SETTLED"), (rules, "_BELIEVED"), (sidecars, "_BELIEVED")):
        monkeypatch.setattr(module, name, -1)
    return looks


def begin(root: Path) -> fsstore.Store:
    """A store with some keys, of which two end."""
    shutil.rmtree(root, ignore_errors=True)
    store = fsstore.open(root, agent="tester")
    store.set_many({"k": 1, "d:k": 2})
    store.set_many({"e": 3, "d:e": 4}, ttl=3600)
    return store


@pytest.fixture
def let_end(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the time have come when keys end, or not yet."""
    real, passed = time.time, [0]
    monkeypatch.setattr(time, "time", lambda: real() + passed[0])

    def let(is_so: bool) -> None:
        passed[0] = 3601 * is_so

    return let


@pytest.fixture
def check(root: Path, looks: Looks, let_end: Callable[[bool], None]) -> Callable[[str, str], None]:
    """Let the second act come before each look that the first one leads to."""

    def run(first: str, second: str) -> None:
        with begin(root) as store:
            observer = Observer(store, looks)
            let_end(True)
            ACTS[first](store, root)
            looks.act = lambda: ACTS[second](store, root)
            try:
                with looks.on():
                    observer.settle()
                assert observer.told == there(store), observer.events
                events = list(observer.events)
                observer.state.rescan()
                observer.settle()
                assert observer.events == events
                assert observer.state.endings.ends == observer.ends()
            finally:
                observer.close()

    def check(first: str, second: str) -> None:
        looks.at, looks.count = 0, 0
        while looks.at <= looks.count:
            looks.at, looks.count = looks.at + 1, 0
            let_end(False)
            try:
                run(first, second)
            except Exception as error:
                error.add_note(f"{first!r}, and before look {looks.at} of {looks.count}: {second!r}")
                raise

    return check


@pytest.mark.parametrize("first", ["set", "pipe", "ends moved", "move"])
def test_whatever_happens_between_two_looks(check: Callable[[str, str], None], first: str) -> None:
    """While the time of some keys has come, too."""
    for second in ACTS:
        check(first, second)


def test_an_end_that_was_taken_back_and_counts_is_noticed(
    check: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: whether a key has ended is asked before the file of its end is read once more."""
    sound = Endings.has_ended
    monkeypatch.setattr(Endings, "has_ended", lambda self, path: sound(self, path) or path in self.over)
    with pytest.raises(KeyError):
        check("pipe", "set")


def test_the_status_of_what_took_its_place_is_noticed(
    check: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flaw: what has the known status is what could not be read."""
    read = Reconciler._read

    def believing(self: Reconciler, fd: int, directory: Directory, name: str, path: str, mask: int) -> None:
        if not directory.known(name).startswith(signature(os.fstat(fd))):
            read(self, fd, directory, name, path, mask)

    monkeypatch.setattr(Reconciler, "_read", believing)
    with pytest.raises(AssertionError):
        check("pipe", "put by hand")
