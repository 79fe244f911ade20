"""What lies there is another thing by the second look, or back again. Races are decided step by step."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.engines.files.watching import catchup, inotify, reconcile, scan
from fsstore.engines.files.watching.directories import signature
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.scan import Scan
from fsstore.opening import configure

from .recorder import Recorder
from .scripted import after_any

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture
def disk(disk: fsstore.Store) -> fsstore.Store:
    """With one key."""
    disk.set("a", 1)
    return disk


def check_mended(disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is replaced after it was opened, and before its status is asked for."""
    path, state = root / "default" / "a.json", watcher.feed._hub._state  # type: ignore[attr-defined]

    def mend() -> None:
        (root / "new").write_text("2")
        os.rename(root / "new", path)

    watcher.events()
    after_any(monkeypatch, state, "_open", mend)
    os.mkfifo(root / "pipe")
    os.rename(root / "pipe", path)
    found = [(event.kind, event.value) for event in [*watcher.events(), *watcher.events()]]
    assert found == [("invalid", None), ("updated", 2)]


def test_what_cannot_be_read_is_replaced_while_it_is_looked_at(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_mended(disk, watcher, root, monkeypatch)


def test_a_flaw_that_believes_the_status_of_what_cannot_be_read_is_noticed(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reconciler._read

    def believing(self: Reconciler, fd: int, directory: Any, name: str, path: str, mask: int) -> None:
        if not directory.known(name).startswith(signature(os.fstat(fd))):
            read(self, fd, directory, name, path, mask)

    monkeypatch.setattr(Reconciler, "_read", believing)
    with pytest.raises(AssertionError):
        check_mended(disk, watcher, root, monkeypatch)


def test_a_store_that_is_polled_tries_again_what_it_could_not_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsstore.open(root).close()
    configure(root, "watch", "polling")
    with fsstore.open(root, agent="tester") as disk:
        disk.set("a", 1)
        watcher = Recorder(disk)
        assert watcher.feed.status().mode == "polling"
        check_mended(disk, watcher, root, monkeypatch)
        watcher.feed.detach(watcher)


def check_back(disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The whole store is away when something in it is opened, and back before anybody asks whether it is there."""
    disk.set_many({"b": 1, "deep:c": 1})
    watcher.events()
    state: Any = watcher.feed._hub._state  # type: ignore[attr-defined]
    away, done = root.with_name("away"), list[bool]()

    def blinking(opened: Callable[..., int]) -> Callable[..., int]:
        def blink(path: bytes, *flags: int) -> int:
            if done or path != os.fsencode(root / what):
                return opened(path, *flags)
            done.append(True)
            root.rename(away)
            if flags:  # a directory: whether it is there is asked twice
                after_any(monkeypatch, state._tree, "stat", lambda: os.rename(away, root))
                return opened(path, *flags)
            try:
                return opened(path)
            finally:
                away.rename(root)

        return blink

    monkeypatch.setattr(inotify, "MOVE_SELF", 0)  # nor is all looked through because the store was moved
    with watcher.paused():
        monkeypatch.setattr(state._tree, "open", blinking(state._tree.open))
        monkeypatch.setattr(state, "_open", blinking(state._open))
        if what.endswith(".json"):
            (root / what).write_bytes((root / what).read_bytes())
        else:
            os.rename(root / what, root / "there")
            os.rename(root / "there", root / what)
    assert watcher.told() == []
    assert done


PLACES = ["default", "default/b.json", "default/deep"]


@pytest.mark.parametrize("what", PLACES)
def test_a_store_that_is_back_before_anybody_asks_for_it(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    check_back(disk, watcher, root, monkeypatch, what)


@pytest.mark.parametrize("what", PLACES)
def test_a_flaw_that_looks_but_once_is_noticed(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    mode = Scan._mode
    looks = iter([True] if what.endswith(".json") else [False, True])
    monkeypatch.setattr(Scan, "_mode", lambda self, path: mode(self, path) * (not next(looks, False)))
    with pytest.raises(AssertionError):
        check_back(disk, watcher, root, monkeypatch, what)


# -- what this process lacks says nothing of the files -----------------------------------------------


def scarce(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def check_listed_later(
    disk: fsstore.Store, watcher: Recorder, root: Path, patch: pytest.MonkeyPatch, call: str
) -> None:
    """A directory cannot be looked through when hints of what is in it, and below it, were lost."""
    disk.set_many({"x:y:z": 1, "x:gone": 1})
    watcher.events()
    hub: Any = watcher.feed._hub  # type: ignore[attr-defined]
    state = hub._state
    sound = state._tree.open

    def look_through() -> None:
        (root / "default" / "x" / "y" / "z.json").write_text("2")
        (root / "default" / "x" / "gone.json").unlink()
        state._notifier.read()
        with patch.context() as lacking:
            if call == "open":
                lacking.setattr(
                    state._tree, "open", lambda path, how: (scarce if path[-2:] == b"/x" else sound)(path, how)
                )
            else:
                lacking.setattr(os, call, scarce)
            state.rescan()

    hub._ask(look_through)
    assert sorted(watcher.told()) == ["deleted default/x:gone by a person", "updated default/x:y:z 2 by a person"]
    assert watcher.feed.status().unwatched == ()


CALLS = ["open", "scandir", "listdir"]


@pytest.mark.parametrize("call", CALLS)
def test_what_could_not_be_looked_through_is_later_with_all_below_it(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    check_listed_later(disk, watcher, root, monkeypatch, call)


@pytest.mark.parametrize("call", CALLS)
def test_a_flaw_that_looks_at_it_alone_is_noticed(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    look = Scan.look

    def alone(self: Scan, path: str, *, deep: bool = False) -> None:
        self._unreached.discard(path)
        look(self, path, deep=deep)

    monkeypatch.setattr(Scan, "look", alone)
    with pytest.raises(AssertionError):
        check_listed_later(disk, watcher, root, monkeypatch, call)


def test_who_comes_late_is_not_told_that_a_good_file_cannot_be_read(
    disk: fsstore.Store, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.events()
    with monkeypatch.context() as patch:
        patch.setattr(catchup, "read_descriptor", scarce)
        late = Recorder(disk, {})
    assert [(event.kind, event.value) for event in late.events()] == [("created", 1)]
    late.feed.detach(late)


@pytest.mark.parametrize("is_flawed", [False, True])
def test_a_file_that_changes_again_within_one_tick_of_its_clock(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch, is_flawed: bool
) -> None:
    """What was written through fsstore is not waited for, and its status may be that of what a person writes in it."""
    for module in (reconcile, scan):
        monkeypatch.setattr(
            module, "signature", lambda status: signature(status)[:8] + bytes(16) + signature(status)[24:]
        )
    if is_flawed:
        monkeypatch.setattr(reconcile, "_TICK", -1.0)
    with watcher.paused():
        disk.set("new:k", 1)
    assert watcher.told() == ["created default/new:k 1 by tester"]
    (root / "default" / "new" / "k.json").write_text("2\n")
    assert watcher.told() == ([] if is_flawed else ["updated default/new:k 2 by a person"])
