"""What changes in the very instant in which it is looked at: nothing of it is lost. Races are decided step by step."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.engines.files import stripes
from fsstore.engines.files.watching import catchup, held, inotify
from fsstore.engines.files.watching.catchup import CatchUp, Found
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.scan import Scan

from . import children
from .needs import need_root
from .recorder import Recorder
from .scripted import after_any

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture
def disk(disk: fsstore.Store) -> fsstore.Store:
    """With one key."""
    disk.set("a", 1)
    return disk


def check_rewritten(disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes late is told of a file that is rewritten with the same bytes while it is read for them."""
    path = root / "default" / "a.json"
    watcher.events()
    since = watcher.feed.told()
    disk.set("a", 2)
    watcher.events()
    after_any(monkeypatch, catchup, "read_descriptor", lambda: os.utime(path))
    late = Recorder(disk, since)
    try:
        assert [(event.key, event.value) for event in late.events()] == [("a", 2)]
    finally:
        late.feed.detach(late)


def test_what_is_rewritten_while_it_is_read_for_who_comes_late(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_rewritten(disk, watcher, root, monkeypatch)


def test_a_flaw_that_believes_what_the_others_know_is_noticed(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doubt(self: CatchUp, found: Found) -> None:
        self.doubtful.append(found.directory.prefix + found.name)

    monkeypatch.setattr(CatchUp, "_doubt", doubt)
    with pytest.raises(AssertionError):
        check_rewritten(disk, watcher, root, monkeypatch)


def test_what_is_on_its_way_back_when_somebody_comes_late(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "PUT_BACK", 3600 * 1000 * held.MILLISECOND)
    path = root / "default" / "a.json"
    watcher.events()
    path.rename(path.with_suffix(".json~"))
    late = Recorder(disk, {})
    assert late._events == []
    path.with_suffix(".json~").rename(path)
    assert [(event.key, event.value) for event in late.events()] == [("a", 1)]
    late.feed.detach(late)


def check_blink(disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is away just when a file is looked at, and back before that is believed."""
    watcher.events()
    away = root.with_name("away")
    state = watcher.feed._hub._state  # type: ignore[attr-defined]
    opened = state._open

    def open_file(path: bytes) -> int:
        monkeypatch.setattr(state, "_open", opened)
        root.rename(away)
        after_any(monkeypatch, state, "is_there", lambda: os.rename(away, root))
        return int(opened(path))

    monkeypatch.setattr(state, "_open", open_file)
    disk.set("a", 2)
    assert watcher.told() == ["updated default/a 2 by tester"]


def test_a_store_that_is_away_for_an_instant(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_blink(disk, watcher, root, monkeypatch)


_absent = Reconciler._absent


def _forgetting(self: Reconciler, directory: Any, name: str, mask: int) -> None:
    """A flaw: what could not be looked at as the store was away is not looked at again."""
    _absent(self, directory, name, mask)
    self._dirty.clear()


def test_a_flaw_that_forgets_it_is_noticed(
    disk: fsstore.Store, watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify, "MOVE_SELF", 0)  # nor is all looked through because the store was moved
    monkeypatch.setattr(Reconciler, "_absent", _forgetting)
    with pytest.raises(AssertionError):
        check_blink(disk, watcher, root, monkeypatch)


def check_moved_above(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that the store lies in is replaced by a copy."""
    monkeypatch.setattr(stripes, "_RECHECK", 0.0)  # a writer believes for 50 ms that its lock lies where it did
    above = root / "above"
    above.mkdir(parents=True)
    with fsstore.open(above / "store", agent="tester") as disk:
        disk.set_many({"a": 1, "b": 1, "deep:c": 1})
        watcher = Recorder(disk)
        watcher.learn()
        shutil.copytree(above, root / "copy")
        above.rename(root / "old")
        (root / "copy").rename(above)
        (above / "store" / "default" / "a.json").write_text("2")
        (above / "store" / "default" / "deep" / "c.json").write_text("3")
        disk.set("b", 4)
        assert sorted(watcher.told()) == [
            "updated default/a 2 by a person",
            "updated default/b 4 by tester",
            "updated default/deep:c 3 by a person",
        ]
        (root / "old" / "store" / "default" / "a.json").write_text("5")
        (root / "old" / "store" / "default" / "new.json").write_text("5")
        assert watcher.told() == []


def test_a_directory_that_the_store_lies_in_is_replaced(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_moved_above(root, monkeypatch)


def test_a_flaw_that_does_not_look_above_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scan, "_watch_above", lambda self: None)
    with pytest.raises(AssertionError):
        check_moved_above(root, monkeypatch)


def test_nothing_is_taken_out_of_a_pipe(watcher: Recorder, root: Path) -> None:
    os.mkfifo(root / "pipe")
    end = os.open(root / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(end, b"theirs")
        os.rename(root / "pipe", root / "default" / "odd.json")
        assert [(event.kind, event.key) for event in watcher.events()] == [("invalid", "odd")]
        assert os.read(end, 100) == b"theirs"
    finally:
        os.close(end)


def test_a_file_that_may_be_read_again_is_told(root: Path) -> None:
    need_root()

    fsstore.open(root).close()
    path = root / "default" / "a.json"
    path.parent.mkdir()
    for directory in (root, path.parent, root.parent):
        directory.chmod(0o755)
    path.write_text("1")
    path.chmod(0)

    def child() -> None:
        with fsstore.open(root, read_only=True) as disk:
            watcher = Recorder(disk, {})
            assert [event.kind for event in watcher.events()] == ["invalid"]
            os.write(told, b".")
            assert os.read(go_on, 1)
            assert [(event.kind, event.value) for event in watcher.events()] == [("updated", 1)]

    (wait, told), (go_on, mended) = os.pipe(), os.pipe()
    pid = children.fork(child, uid=children.NOBODY)
    os.close(told)
    os.read(wait, 1)
    path.chmod(0o644)
    os.write(mended, b".")
    children.join(pid)
    for fd in (wait, go_on, mended):
        os.close(fd)


def test_what_is_written_again_and_again_is_told(
    watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any pause, too: each time that it is looked at, it has just been written."""
    monkeypatch.setattr(held, "INVALID_AFTER", 20 * held.MILLISECOND)
    path = root / "default" / "a.json"
    original, number = Reconciler._is_whole, [1000]

    def written(self: Reconciler, *args: Any) -> bool:
        found = original(self, *args)
        if not found:
            number[0] += 1
            path.write_text(f"{number[0]}")
        return found

    monkeypatch.setattr(Reconciler, "_is_whole", written)
    with watcher.paused():  # else it may look at a file that is made and not written yet, and is told of both
        path.write_text("1000")
    [event] = watcher.events()
    assert event.value == number[0]  # also where the first look was late


def test_who_asks_while_nothing_is_dirty_is_told_of_a_directory_that_took_the_place_of_another(
    watcher: Recorder, disk: fsstore.Store, root: Path
) -> None:
    disk.set_many({"x:k": 1, "y:k": 2})
    watcher.events()
    default = root / "default"
    with watcher.paused():
        (default / "x").rename(default / "z")
        shutil.rmtree(default / "y")
        (default / "z").rename(default / "y")
    assert sorted(event.kind + event.key for event in watcher.events()) == ["deletedx:k", "updatedy:k"]
    disk.set("y:k", 5)
    assert watcher.told() == ["updated default/y:k 5 by tester"]
