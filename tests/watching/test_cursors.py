"""Watchers that come back, by name, file or revision: they are told what changed, and what they failed at."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Closed, Conflict, DamagedCursor, Event, StorageFailure, Store, UnknownRevision, cursors
from fsstore.events import REVISION
from fsstore.watching.entries import Entry
from fsstore.watching.worker import Worker

from .helpers import PATIENCE, short, take, told, wait_until


def handle_all(store: Store, **options: Any) -> list[str]:
    """Watch under a name, handle all there is, and leave."""
    with store.watch(**{"name": "w", **options}) as subscription:
        return sorted(told(store, subscription))


# -- by name -----------------------------------------------------------------------------------------


def test_the_first_time_it_is_told_nothing_first(store: Store) -> None:
    store.set("k", 1)
    with store.watch(name="w") as subscription:
        store.set("l", 1)
        assert told(store, subscription) == ["created default/l=1"]


def test_it_is_told_what_changed_meanwhile(store: Store) -> None:
    store.set_many({"same": 1, "changed": 1, "gone": 1})
    assert handle_all(store) == []
    store.set("changed", 2)
    store.delete("gone")
    store.use_namespace("other").set("new", 1)
    assert handle_all(store) == ["created other/new=1", "deleted default/gone", "updated default/changed=2"]
    assert handle_all(store) == []


def test_a_replay_is_for_the_first_time_only(store: Store) -> None:
    store.set_many({"a": 1, "b": 1})
    assert handle_all(store, replay=True) == ["created default/a=1", "created default/b=1", "ready"]
    store.set("b", 2)
    assert handle_all(store, replay=True) == ["ready", "updated default/b=2"]


def test_what_was_told_while_it_watched_is_not_told_again(store: Store) -> None:
    with store.watch(name="w") as subscription:
        store.set_many({"a": 1, "b": 1})
        store.delete("a")
        told(store, subscription)
        store.set("b", 2)
        told(store, subscription)
    assert handle_all(store) == []


def test_each_name_is_a_cursor_of_its_own(store: Store) -> None:
    names = ["w", "W2", "a/b", "../x", ".", "%", "a:b", "x" * 300, "ünï", "CON"]
    for name in names:
        assert handle_all(store, name=name) == []
    store.set("k", 1)
    for name in names:
        assert handle_all(store, name=name) == ["created default/k=1"], name
        assert handle_all(store, name=name) == [], name


def test_two_at_once_are_a_conflict(store: Store) -> None:
    one = store.watch(name="w")
    with pytest.raises(Conflict, match="'w'"):
        store.watch(name="w")
    store.watch(name="other").close()
    one.close()
    store.watch(name="w").close()


def test_an_event_is_handled_when_the_next_is_asked_for(store: Store) -> None:
    with store.watch(name="w"):
        pass
    store.set_many({"a": 1, "b": 1, "c": 1})
    subscription = store.watch(name="w")
    first, second = subscription.get(PATIENCE), subscription.get(PATIENCE)
    assert first is not None
    assert second is not None
    subscription.close()
    assert len(handle_all(store)) == 2  # the second was in hand


def test_leaving_with_an_error_leaves_the_last_unhandled(store: Store) -> None:
    handle_all(store)
    store.set("k", 1)
    with pytest.raises(KeyError), store.watch(name="w") as subscription:
        assert subscription.get(PATIENCE) is not None
        raise KeyError
    with store.watch(name="w") as subscription:
        assert subscription.get(PATIENCE) is not None
    assert handle_all(store) == []


def test_prefixes_and_namespaces_have_their_part_of_it(store: Store) -> None:
    handle_all(store, prefix="a:", namespace="n")
    n = store.use_namespace("n")
    n.set_many({"a:1": 1, "b": 1})
    store.set("a:2", 1)
    assert handle_all(store, prefix="a:", namespace="n") == ["created n/a:1=1"]
    assert handle_all(store, prefix="a:", namespace="n") == []
    n.delete("b")
    n.delete("a:1")
    assert handle_all(store, prefix="a:", namespace="n") == ["deleted n/a:1"]


def test_what_was_handled_of_other_namespaces_is_kept(store: Store, tmp_path: Path) -> None:
    """By a watcher that is told of one alone for a time."""
    other = store.use_namespace("other")
    other.set_many({"x": 1, "y": 1})
    with store.watch(name="w", replay=True) as subscription:
        take(subscription)
    store.set("k", 1)
    with store.watch(name="w", namespace="default") as subscription:
        assert told(store, subscription) == ["created default/k=1"]
        subscription.save(tmp_path / "file")
    other.delete("x")
    assert [short(event) for event in store.changes(tmp_path / "file")] == ["deleted other/x"]
    with store.watch(name="w") as subscription:
        assert told(store, subscription) == ["deleted other/x"]


def test_own_writes_that_were_left_out_do_not_come_later(store: Store) -> None:
    with store.watch(name="w", own=False) as subscription:
        store.set("k", 1)
        assert told(store, subscription) == []
    assert handle_all(store) == []


def test_after_a_resync_all_that_was_there_is_handled(store: Store) -> None:
    with store.watch(name="w", max_pending=2) as subscription:
        store.set_many({f"k{number}": 1 for number in range(10)})
        store.sync(PATIENCE)
        assert "resync" in told(store, subscription)
    assert handle_all(store) == []


def test_a_resync_that_was_not_handled_costs_nothing(store: Store) -> None:
    subscription = store.watch(name="w", max_pending=2)
    store.set_many({f"k{number}": 1 for number in range(10)})
    store.sync(PATIENCE)
    subscription.close()
    assert handle_all(store) == [f"created default/k{number}=1" for number in range(10)]


# -- what a callback fails at ------------------------------------------------------------------------


def failing_at(key: str, called: list[str]) -> Callable[[Event], None]:
    def callback(event: Event) -> None:
        called.append(event.key)
        if event.key == key:
            raise ValueError("on purpose")

    return callback


def comes_again(store: Store) -> bool:
    """Whether a watcher is told again of a key that its callback failed at, live and in a catch-up."""
    found = []
    called: list[str] = []
    handle_all(store)
    with store.watch(name="w", callback=failing_at("b", called)):
        for key in "abc":
            store.set(key, 1)
        store.sync(PATIENCE)
    found.append(handle_all(store) == ["created default/b=1"])
    store.set_many({"a": 2, "b": 2, "c": 2})
    with store.watch(name="w", callback=failing_at("b", called)):
        store.sync(PATIENCE)
    found.append(handle_all(store) == ["updated default/b=2"])
    assert sorted(called) == ["a", "a", "b", "b", "c", "c"]
    return all(found)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "fsstore")


def test_it_comes_again(store: Store) -> None:
    assert comes_again(store)


def test_a_flaw_that_notes_it_before_the_callback_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Worker._handle

    def handle(self: Worker, entry: Entry) -> None:
        self._progress.handled(entry)
        sound(self, entry)

    monkeypatch.setattr(Worker, "_handle", handle)
    assert not comes_again(store)


def test_it_does_not_come_again_once_a_later_change_was_handled(store: Store) -> None:
    called: list[str] = []

    def fail_once(event: Event) -> None:
        called.append(event.key)
        if len(called) == 1:
            raise ValueError("on purpose")

    with store.watch(name="w", callback=fail_once):
        for number in range(2):
            store.set("k", number)
            store.sync(PATIENCE)
    assert called == ["k", "k"]
    assert handle_all(store) == []


# -- by file -----------------------------------------------------------------------------------------


def test_a_file_says_what_was_handled(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    store.set_many({"a": 1, "b": 1, "gone": 1})
    with store.watch(replay=True) as subscription:
        told(store, subscription)
        store.set("a", 2)
        told(store, subscription)
        subscription.save(file)
    store.set("a", 3)
    store.delete("gone")
    wanted = ["deleted default/gone", "updated default/a=3"]
    with store.watch(since=file) as subscription:
        assert sorted(told(store, subscription)) == wanted
    assert sorted(map(short, store.changes(str(file)))) == wanted
    assert [short(event) for event in store.changes(file, namespace="default", prefix="a")] == wanted[1:]
    assert store.changes(file, namespace="other") == []


def test_what_waits_is_not_handled_and_what_is_in_hand_is(store: Store, tmp_path: Path) -> None:
    store.set("k", 1)
    with store.watch() as subscription:
        for key in ("k", "a", "b"):
            store.set(key, 2)
            store.sync(PATIENCE)
        store.delete("a")
        store.sync(PATIENCE)
        assert subscription.get(PATIENCE) is not None
        subscription.save(tmp_path / "saved")
        assert subscription.pending == 2
    store.set("b", 3)
    found = {event.key: event for event in store.changes(tmp_path / "saved")}
    assert sorted(found) == ["b"]
    assert found["b"].kind == "created"


def test_a_callback_under_way_has_not_handled_its_event(store: Store, tmp_path: Path) -> None:
    file, own = tmp_path / "saved", tmp_path / "own"

    def save(event: Event) -> None:
        if event.key == "b":
            from_outside.append(subscription.pending)
            subscription.save(own)
            raise ValueError("on purpose")

    from_outside: list[int] = []
    with store.watch(callback=save) as subscription:
        store.set("a", 1)
        store.sync(PATIENCE)
        store.set("b", 1)
        store.sync(PATIENCE)
        subscription.save(file)
    assert from_outside == [0]
    assert [short(event) for event in store.changes(file)] == ["created default/b=1"]  # it failed
    assert store.changes(own) == []  # whoever saves says that it is handled


def test_who_saves_before_reading_anew_is_told_to_read_anew(store: Store, tmp_path: Path) -> None:
    with store.watch(max_pending=2) as subscription:
        store.set_many({f"k{number}": 1 for number in range(10)})
        store.sync(PATIENCE)
        subscription.save(tmp_path / "before")
        assert "resync" in told(store, subscription)
        subscription.save(tmp_path / "after")
    assert [event.kind for event in store.changes(tmp_path / "before")] == ["resync"]
    with store.watch(since=tmp_path / "before") as subscription:
        store.set("new", 1)
        assert told(store, subscription) == ["resync", "created default/new=1"]
    assert [short(event) for event in store.changes(tmp_path / "after")] == ["created default/new=1"]


def test_after_its_end_nobody_knows_what_was_handled(store: Store, tmp_path: Path) -> None:
    with store.watch(), store.watch() as subscription:  # one of them goes on
        store.set("k", 1)
        store.sync(PATIENCE)
        subscription.save(tmp_path / "saved")
        subscription.close()
        with pytest.raises(Closed, match="has ended"):
            subscription.save(tmp_path / "saved")
    with pytest.raises(Closed, match="has ended"):
        subscription.save(tmp_path / "saved")
    assert [short(event) for event in store.changes(tmp_path / "saved")] == ["created default/k=1"]


def test_with_a_name_a_file_is_for_the_first_time_only(store: Store, tmp_path: Path) -> None:
    store.watch().save(tmp_path / "saved")
    store.set("k", 1)
    assert handle_all(store, since=tmp_path / "saved") == ["created default/k=1"]
    assert handle_all(store, since=tmp_path / "saved") == []


def test_a_file_of_another_store_is_refused(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "one") as one, fsstore.open(tmp_path / "two") as two:
        one.watch().save(tmp_path / "saved")
        with pytest.raises(DamagedCursor, match="another store") as caught:
            two.watch(since=tmp_path / "saved")
        assert caught.value.path == str(tmp_path / "saved")
        assert one.changes(tmp_path / "saved") == []


def test_what_is_no_such_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk\n")
    with pytest.raises(DamagedCursor, match="first line"):
        store.changes(tmp_path / "notes.txt")
    with pytest.raises(StorageFailure):
        store.changes(tmp_path / "nothing")
    with pytest.raises(StorageFailure), store.watch() as subscription:
        subscription.save(tmp_path / "no directory" / "saved")
    assert store.watch_status().mode == "off"
    assert list(tmp_path.glob("saved*")) == []


# -- by revision -------------------------------------------------------------------------------------


def test_a_revision_of_the_history(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        store.set_many({"same": 1, "changed": 1, "gone": 1})
        commit = store.snapshot()
        assert commit is not None
        assert store.changes(commit.id) == []
        store.set("changed", 2)
        store.delete("gone")
        store.use_namespace("other").set("new", 1)
        wanted = ["created other/new=1", "deleted default/gone", "updated default/changed=2"]
        assert sorted(map(short, store.changes(commit.id))) == wanted
        assert sorted(map(short, store.changes("HEAD", namespace="other"))) == wanted[:1]
        assert handle_all(store, since="HEAD") == wanted
        assert handle_all(store, since="HEAD") == []
        with pytest.raises(UnknownRevision) as caught:
            store.watch(since="no such thing")
        assert "no file" in " ".join(caught.value.__notes__)


def test_a_cursor_that_began_at_a_revision_knows_the_files_afterwards(tmp_path: Path) -> None:
    """A revision tells no file's status; if that were all, every file would be read again at each return."""
    with fsstore.open(tmp_path / "s") as store:
        store.set("k", 1)
        store.snapshot()
        assert handle_all(store, since="HEAD") == []
        raw = cursor_file(tmp_path / "s").read_bytes()
        saved = cursors.decode(raw, "w", None)
        assert saved.told is not None
        assert len(saved.told["default"]["k"]) > REVISION


# -- the files of cursors ----------------------------------------------------------------------------

WATCHER = """
import os, signal, sys, fsstore
store = fsstore.open(sys.argv[1])
last, count = int(sys.argv[2]), 0
def handle(event):
    global count
    count += 1
    if count > last:
        os.kill(os.getpid(), signal.SIGKILL)
    os.write(1, event.key.encode() + b"\\n")
with store.watch(name="w", callback=handle, replay=True):
    os.write(1, b"watching\\n")
    sys.stdin.read()
"""


def run_watcher(root: Path, last: int) -> subprocess.Popen[str]:
    """A process that watches under the name ``w``, and is killed in the middle of an event."""
    command = [sys.executable, "-c", WATCHER, str(root), str(last)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_after_kill_9_what_was_not_handled_comes_again(tmp_path: Path) -> None:
    handled: list[str] = []
    keys = [f"k{number}" for number in range(10)]
    with fsstore.open(tmp_path / "s") as store:
        store.set_many(dict.fromkeys(keys, 1))
        for _ in range(3):
            with run_watcher(tmp_path / "s", 3) as process:
                assert process.stdout is not None
                lines = process.stdout.read().split()
            assert process.returncode == -signal.SIGKILL
            handled += [line for line in lines if line != "watching"]
        assert len(handled) == 9
        assert handle_all(store) == [f"created default/{key}=1" for key in keys if key not in handled]
        assert len(set(handled)) == 9
        assert handle_all(store) == []


def test_a_name_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        with run_watcher(tmp_path / "s", 1000) as process:
            assert process.stdout is not None
            while process.stdout.readline().strip() != "watching":
                pass
            with pytest.raises(Conflict):
                store.watch(name="w")
            process.kill()
            process.wait(PATIENCE)
        store.watch(name="w").close()


def test_a_forked_child_does_not_keep_the_name(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        subscription = store.watch(name="w")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
        try:
            subscription.close()
            store.watch(name="w").close()
        finally:
            os.close(write)
            os.waitpid(child, 0)
            os.close(read)


def cursor_file(root: Path) -> Path:
    return root / ".fsstore" / "cursors" / "w"


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        with store.watch(name="w") as subscription:
            for key in "ab":
                store.set(key, 1)
                told(store, subscription)
        raw = cursor_file(tmp_path / "s").read_bytes()
        cursor_file(tmp_path / "s").write_bytes(raw[:-5])
        assert handle_all(store) == ["created default/b=1"]
        assert handle_all(store) == []


def test_a_damaged_file_names_itself_and_the_way_out(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        handle_all(store)
        cursor_file(tmp_path / "s").write_text("{}\n")
        with pytest.raises(DamagedCursor, match="Remove it") as caught:
            store.watch(name="w")
        assert caught.value.path == str(cursor_file(tmp_path / "s"))
        cursor_file(tmp_path / "s").unlink()
        assert handle_all(store) == []


def test_a_file_that_grows_long_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsstore.engines.files.cursors._LONG", 5)
    with fsstore.open(tmp_path / "s") as store:
        with store.watch(name="w") as subscription:
            for number in range(20):
                store.set("k", number)
                told(store, subscription)
            lines = cursor_file(tmp_path / "s").read_bytes().splitlines()
            assert len(lines) <= 8
            assert json.loads(lines[0])["format"] == 1
        assert handle_all(store) == []


def test_a_file_that_is_removed_under_its_watcher_is_made_again(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        with store.watch(name="w") as subscription:
            store.set("a", 1)
            told(store, subscription)
            cursor_file(tmp_path / "s").unlink()
            cursor_file(tmp_path / "s").parent.rmdir()
            store.set("b", 1)
            told(store, subscription)
        assert handle_all(store) == []


def test_what_a_killed_process_left_beside_it_is_in_nobodys_way(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s") as store:
        handle_all(store)
        (cursor_file(tmp_path / "s").parent / ".w").write_text("half a fi")
        store.set("k", 1)
        assert handle_all(store) == ["created default/k=1"]
        assert handle_all(store) == []
        assert os.listdir(cursor_file(tmp_path / "s").parent) == ["w"]


def test_a_cursor_that_cannot_be_written_does_not_stop_the_callback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from fsstore.engines.files.cursors import FileCursor

    def note(self: FileCursor, *args: object) -> None:
        raise StorageFailure("no room", path="x")

    called: list[str] = []
    with fsstore.open(tmp_path / "s") as store:
        with store.watch(name="w", callback=lambda event: called.append(event.key)), monkeypatch.context() as patch:
            patch.setattr(FileCursor, "note", note)
            caplog.set_level(logging.ERROR, "fsstore")
            for key in "ab":
                store.set(key, 1)
                store.sync(PATIENCE)
        assert called == ["a", "b"]
        wait_until(lambda: len(caplog.records) == 2)
        assert handle_all(store) == ["created default/a=1", "created default/b=1"]


def test_a_read_only_store_keeps_no_cursor(tmp_path: Path) -> None:
    fsstore.open(tmp_path / "s").close()
    with fsstore.open(tmp_path / "s", read_only=True) as store:
        with pytest.raises(fsstore.ReadOnly):
            store.watch(name="w")
        with store.watch() as subscription:
            assert take(subscription) == []


def test_a_name_is_free_when_nobody_holds_its_subscription(store: Store) -> None:
    store.set("k", 1)
    store.watch(name="w", replay=True)
    with store.watch(name="w") as subscription:
        assert told(store, subscription) == ["created default/k=1"]


def test_a_directory_of_that_name_is_no_file_that_says_what_was_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "HEAD").mkdir()
    monkeypatch.chdir(tmp_path)
    with fsstore.open(tmp_path / "store") as store:
        store.set("k", 1)
        store.snapshot("the first")
        assert store.changes("HEAD") == []


def test_nothing_is_noted_in_a_cursor_that_is_being_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descriptor that is closed is soon another file's: whoever notes and whoever closes wait for each other."""
    with fsstore.open(tmp_path / "store") as store:
        cursor: Any = store._engine.cursor("w")
        cursor.reset({})
        file = tmp_path / "store" / ".fsstore" / "cursors" / "w"
        begun, write = threading.Event(), os.pwrite

        def pwrite(fd: int, raw: bytes, at: int) -> int:
            begun.set()
            closing.join(0.2)
            assert closing.is_alive()
            return write(fd, raw, at)

        closing = threading.Thread(target=lambda: (begun.wait(PATIENCE), cursor.close()))
        monkeypatch.setattr(os, "pwrite", pwrite)
        closing.start()
        cursor.note("n", "k", b"1")
        closing.join(PATIENCE)
        assert file.read_bytes().endswith(b'["n","k","31"]\n')
        cursor.note("n", "k", b"2")
        cursor.reset({})
        cursor.close()
        assert file.read_bytes().endswith(b'["n","k","31"]\n')
