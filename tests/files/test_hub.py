"""What is observed of a store's directory: each change, by whom, whatever way it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files.watching import held, inotify
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.errors import BadValue
from fsstore.events import Event
from fsstore.opening import configure
from fsstore.revisions import revision

from . import children
from .needs import need_root
from .recorder import Recorder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture(params=["watchdog's binding", "a binding of our own", "polling"])
def way(request: pytest.FixtureRequest) -> str:
    """Each of the ways in which a store can be observed."""
    return str(request.param)


@pytest.fixture
def disk(root: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsstore.Store]:
    """An open store that is observed so."""
    if way == "a binding of our own":
        monkeypatch.setattr(inotify, "calls", inotify.bound_here)
    fsstore.open(root).close()
    configure(root, "watch", "polling" if way == "polling" else None)
    with fsstore.open(root, agent="tester") as opened:
        yield opened


@pytest.fixture
def watcher(disk: fsstore.Store, way: str) -> Iterator[Recorder]:
    """Somebody who watches a store with one key in it."""
    disk.set("old", 0)
    recorder = Recorder(disk)
    wait_until(lambda: any(recorder.feed.told()["default"]["old"][-20:]))  # all that is there has been read
    assert recorder.feed.status().mode == ("polling" if way == "polling" else "inotify")
    yield recorder
    recorder.feed.detach(recorder)


def last(events: list[Event]) -> dict[str, Event]:
    """The newest event of each key."""
    return {event.key: event for event in events}


def save(path: Path, text: str) -> None:
    """Write a file in place, as an editor does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_over(path: Path, text: str) -> None:
    """The same in one step, where the file is never shorter than that: it is not empty meanwhile."""
    with path.open("r+b", buffering=0) as file:
        file.write(text.encode())


def elsewhere(root: Path, code: str) -> None:
    """Let another process do something with the store."""
    script = f"import fsstore\nstore = fsstore.open({str(root)!r}, 'other')\n{code}"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_what_this_process_writes(disk: fsstore.Store, watcher: Recorder) -> None:
    disk.set("a", 1)
    disk.set("old", 1)
    disk.delete("old")
    events = watcher.events()
    assert {key: (event.kind, event.value) for key, event in last(events).items()} == {
        "a": ("created", 1),
        "old": ("deleted", None),
    }
    assert all(event.own and event.source.agent == "tester" for event in events)


def test_what_another_process_writes(disk: fsstore.Store, watcher: Recorder, root: Path) -> None:
    elsewhere(root, "with store.run(run_id='r1') as data: data.set('a', 1)")
    [event] = watcher.events()
    assert (event.kind, event.key, event.value, event.own) == ("created", "a", 1, False)
    assert (event.source.agent, event.source.run, event.source.by_hand) == ("other", "r1", False)
    info = disk.info("a")
    assert (event.revision, event.time) == (info.revision, info.updated_at)
    assert event.commit is None


def test_keys_that_changed_together_say_so(disk: fsstore.Store, watcher: Recorder) -> None:
    commits = []
    for number in range(2):
        disk.set_many({"a": number, "b": number})
        commits.append({event.commit for event in watcher.events()})
    with disk.transaction() as tx:
        tx.set("c", 3)
        tx.delete("a")
    commits.append({event.commit for event in watcher.events()})
    assert [len(each) for each in commits] == [1, 1, 1]
    assert len(set.union(*commits)) == 3
    assert None not in set.union(*commits)


def test_deletes_do_not_wait(disk: fsstore.Store, watcher: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several keys are deleted by moving their files away, as editors do for an instant: the journal tells more."""
    disk.set_many({"a": 1, "b": 2})
    watcher.events()
    monkeypatch.setattr(held, "PUT_BACK", 3600 * 1000 * held.MILLISECOND)
    disk.delete_many(["a", "b"])
    assert sorted(watcher.told()) == ["deleted default/a by tester", "deleted default/b by tester"]


def test_a_key_that_came_and_went_unseen_is_forgotten(disk: fsstore.Store, watcher: Recorder, root: Path) -> None:
    """What the journal says of it is not said of a person who does the same later."""
    disk.transact(lambda tx: tx.set("b", 1))
    watcher.events()
    with watcher.paused():
        disk.set("a", 1)
        disk.delete("a")
    assert watcher.told() == []
    save(root / "default" / "a.json", "1")
    os.utime(root / "default" / "a.json", times=(time.time() + 1, time.time() + 1))  # not in the same instant
    assert watcher.told() == ["created default/a 1 by a person"]
    (root / "default" / "a.json").unlink()
    assert watcher.told() == ["deleted default/a by a person"]


def test_what_a_person_does(watcher: Recorder, root: Path) -> None:
    save(root / "default" / "hand.json", "1")
    assert watcher.told() == ["created default/hand 1 by a person"]
    save(root / "default" / "hand.json", '{"n": 2}')
    assert watcher.told() == ["updated default/hand {'n': 2} by a person"]
    (root / "default" / "hand.json").rename(root / "default" / "other.json")
    assert sorted(watcher.told()) == ["created default/other {'n': 2} by a person", "deleted default/hand by a person"]
    (root / "default" / "other.json").unlink()
    assert watcher.told() == ["deleted default/other by a person"]


def test_revisions_before_and_after(disk: fsstore.Store, watcher: Recorder, root: Path) -> None:
    disk.set("a", 1)
    [first] = watcher.events()
    save(root / "default" / "a.json", "2")
    [second] = watcher.events()
    disk.delete("a")
    [third] = watcher.events()
    assert first.old_revision is None
    assert second.old_revision == first.revision is not None
    assert third.old_revision == second.revision is not None
    assert third.revision is None


def test_the_revision_of_what_was_there_first_is_learned(disk: fsstore.Store, watcher: Recorder) -> None:
    was = disk.info("old").revision
    disk.set("old", 1)
    [event] = watcher.events()
    assert event.old_revision == was


def test_the_same_bytes_again_are_no_change(disk: fsstore.Store, watcher: Recorder, root: Path) -> None:
    path = root / "default" / "old.json"
    text = path.read_text()
    path.write_text(text)
    os.utime(path)
    (root / "x").write_text(text)
    (root / "x").rename(path)
    assert watcher.told() == []
    disk.set("old", 0)
    assert watcher.told() == []


def test_metadata_and_reads_are_no_change(disk: fsstore.Store, watcher: Recorder) -> None:
    disk.set("old", 0, {"note": "why"})
    for _ in range(100):
        disk.get("old")
        disk.get_all()
        disk.list_keys()
    assert watcher.told() == []


@pytest.mark.parametrize("how", ["edit", "delete", "break"])
def test_what_a_person_puts_back_is_no_news_of_ones_own(
    disk: fsstore.Store, watcher: Recorder, root: Path, how: str, request: pytest.FixtureRequest
) -> None:
    """The journal has a line of this process that no file was matched with: metadata is no file's change."""
    if how == "break":
        request.getfixturevalue("hasty")
    path = root / "default" / "old.json"
    disk.set("old", 0, {"note": "why"})
    before = path.read_bytes()
    with disk.watch(own=False) as others:
        if how == "delete":
            path.unlink()
        else:
            save(path, "1" if how == "edit" else "[")
        disk.sync()
        save(path, before.decode())
        disk.sync()
        found = [others.get(0), others.get(0)]
    kinds = [event.kind for event in watcher.events()]
    assert kinds[-1] == ("created" if how == "delete" else "updated")
    assert [(event.value, event.own) for event in found if event is not None][-1] == (0, False)


def test_a_file_is_not_told_before_it_is_whole(watcher: Recorder, root: Path) -> None:
    """The file is closed, and makes no sense, again and again; it is whole in the end."""
    path = root / "default" / "slow.json"
    for part in ('{"a": ', "[1, 2", ", 3", "]"):
        with path.open("a") as file:
            file.write(part)
        time.sleep(0.01)
    with path.open("a") as file:
        file.write("}")
    assert watcher.told() == ["created default/slow {'a': [1, 2, 3]} by a person"]


@pytest.mark.usefixtures("hasty")
def test_a_file_that_stays_half_is_told_as_invalid_and_again_when_mended(watcher: Recorder, root: Path) -> None:
    write_over(root / "default" / "old.json", '{\n  "a": oops')
    [event] = watcher.events()
    assert (event.kind, event.key, event.value) == ("invalid", "old", None)
    assert isinstance(event.error, BadValue)
    assert (event.error.line, event.error.column) == (2, 8)
    write_over(root / "default" / "old.json", "0".ljust(len('{\n  "a": oops')))
    assert watcher.told() == ["updated default/old 0 by a person"]


@pytest.mark.parametrize("kind", ["a link", "a pipe", "a socket"])
def test_what_is_no_file_is_invalid_and_blocks_nothing(
    watcher: Recorder, disk: fsstore.Store, root: Path, kind: str
) -> None:
    path = root / "default" / "odd.json"
    if kind == "a link":
        path.symlink_to("old.json")
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    assert [(event.kind, event.key) for event in watcher.events()] == [("invalid", "odd")]
    path.unlink()
    disk.set("odd", 1)
    assert watcher.told()[-1].endswith("default/odd 1 by tester")


def test_a_file_that_may_not_be_read(root: Path) -> None:
    """By a process of another user."""
    need_root()
    with fsstore.open(root) as store:
        store.set("open", 1)
        save(root / "default" / "secret.json", "1")
        (root / "default" / "secret.json").chmod(0)

    def watch() -> None:
        with fsstore.open(root, read_only=True) as store:
            told = Recorder(store, since={}).told()
        assert sorted(told) == ["created default/open 1 by None", "invalid default/secret by a person"]

    children.in_child(watch, uid=children.NOBODY)


def test_names_that_are_no_keys_are_passed_over(watcher: Recorder, root: Path) -> None:
    default = root / "default"
    for name in ("a.txt", ".hidden.json", "a.json~", "a.json.swp", "%41.json", "con.json", "4913"):
        save(default / name, "1")
    save(default / ".meta" / "x.json", "{}")
    save(root / "top.json", "1")
    save(default / "x.json" / "inside.json", "1")
    (default / os.fsdecode(b"\xff.json")).write_text("1")
    assert watcher.told() == []


def test_directories_made_and_filled_at_once(watcher: Recorder, root: Path) -> None:
    for number in range(50):
        save(root / "new" / f"a{number}" / "b" / "c" / "d.json", str(number))
    told = watcher.told()
    assert sorted(told) == sorted(f"created new/a{number}:b:c:d {number} by a person" for number in range(50))


def test_deeper_than_any_recursion(watcher: Recorder, disk: fsstore.Store) -> None:
    disk.set(":".join(["d"] * 1500), 1)
    assert len(watcher.events()) == 1
    disk.clear()
    assert sum(event.kind == "deleted" for event in watcher.events()) == 2


def test_where_a_path_is_longer_than_the_system_takes(scratch: Path, way: str) -> None:
    root = scratch.joinpath(*["r" * 200] * 5)
    root.mkdir(parents=True)
    key = ":".join(["k" * 190] * 17)
    with fsstore.open(root / "s", "tester") as store:
        watcher = Recorder(store)
        store.set(key, 1)
        assert watcher.told() == [f"created default/{key} 1 by tester"]
        store.set(key, 2)
        assert watcher.told() == [f"updated default/{key} 2 by tester"]
        store.delete(key)
        assert watcher.told() == [f"deleted default/{key} by tester"]


def test_a_namespace_is_moved_out_made_anew_and_moved_back(watcher: Recorder, disk: fsstore.Store, root: Path) -> None:
    (root / "default").rename(root.parent / "away")
    assert watcher.told() == ["deleted default/old by a person"]
    disk.set("new", 1)
    assert watcher.told() == ["created default/new 1 by tester"]
    save(root.parent / "away" / "old.json", "7")  # nobody may hear of what is not in the store
    assert watcher.told() == []
    shutil.rmtree(root / "default")
    (root.parent / "away").rename(root / "default")
    assert sorted(watcher.told()) == ["created default/old 7 by a person", "deleted default/new by a person"]
    disk.set("old", 8)
    assert watcher.told() == ["updated default/old 8 by tester"]


def test_a_namespace_is_renamed(watcher: Recorder, disk: fsstore.Store, root: Path) -> None:
    disk.set("a:b:c", 1)
    watcher.events()
    (root / "default").rename(root / "files%3Ax")
    assert sorted(watcher.told()) == [
        "created files:x/a:b:c 1 by a person",
        "created files:x/old 0 by a person",
        "deleted default/a:b:c by a person",
        "deleted default/old by a person",
    ]
    disk.use_namespace("files:x").set("a:b:c", 2)
    assert watcher.told() == ["updated files:x/a:b:c 2 by tester"]


def test_directories_change_places(watcher: Recorder, disk: fsstore.Store, root: Path) -> None:
    disk.set_many({"a:k": 1, "b:k": 2})
    watcher.events()
    default = root / "default"
    (default / "a").rename(default / "c")
    (default / "b").rename(default / "a")
    (default / "c").rename(default / "b")
    now = last(watcher.events())
    assert (now["a:k"].value, now["b:k"].value) == (2, 1)
    disk.set("a:k", 5)
    disk.set("b:k", 6)
    assert sorted(watcher.told()) == ["updated default/a:k 5 by tester", "updated default/b:k 6 by tester"]


def test_long_namespaces(watcher: Recorder, disk: fsstore.Store) -> None:
    name = "n" * 450
    disk.use_namespace(name).set("a", 1)
    assert watcher.told() == [f"created {name}/a 1 by tester"]


def test_a_name_that_is_moved_away_and_back_was_never_gone(
    watcher: Recorder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "PUT_BACK", 3600 * 1000 * held.MILLISECOND)  # this test may be stopped in between
    path = root / "default" / "old.json"
    path.rename(path.with_suffix(".json~"))
    path.with_suffix(".json~").rename(path)
    assert watcher.told() == []


def test_the_store_is_moved_away_and_back(watcher: Recorder, disk: fsstore.Store, root: Path) -> None:
    """What is not there is not deleted: nothing is told until the store is back, and then what differs."""
    disk.set("stays", 1)
    watcher.events()
    away = root.with_name("away")
    root.rename(away)
    wait_until(lambda: watcher.feed.status().missing)
    save(away / "default" / "stays.json", "2")
    (away / "default" / "old.json").unlink()
    away.rename(root)
    wait_until(lambda: not watcher.feed.status().missing)
    assert sorted(watcher.told()) == ["deleted default/old by a person", "updated default/stays 2 by a person"]


def test_another_store_is_put_in_its_place(watcher: Recorder, disk: fsstore.Store, root: Path) -> None:
    with fsstore.open(root.with_name("second"), "second") as second:
        second.set("mine", 1)
    root.rename(root.with_name("first"))
    root.with_name("second").rename(root)
    wait_until(lambda: watcher.feed.status().keys == 1 and not watcher.feed.status().missing)
    assert sorted(watcher.told()) == ["created default/mine 1 by second", "deleted default/old by a person"]
    save(root / "default" / "mine.json", "2")
    assert watcher.told() == ["updated default/mine 2 by a person"]


def test_the_store_is_deleted_and_made_again(watcher: Recorder, root: Path) -> None:
    shutil.rmtree(root)
    wait_until(lambda: watcher.feed.status().missing)
    with fsstore.open(root, "other") as again:
        again.set("new", 1)
    wait_until(lambda: not watcher.feed.status().missing)
    now = last(watcher.events())
    assert (now["new"].kind, now["old"].kind) == ("created", "deleted")


def test_one_hub_for_all_and_nothing_is_left(disk: fsstore.Store, root: Path, way: str) -> None:
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with fsstore.open(root) as second:
        watchers = [Recorder(disk) for _ in range(4)] + [Recorder(second) for _ in range(4)]
        assert threading.active_count() == before[0] + 1
        assert inotify_descriptors() == (way != "polling")
        disk.set("a", 1)
        assert all(len(each.events()) == 1 for each in watchers)
    assert all(each.ended == [None] for each in watchers[4:])
    for each in watchers[:4]:
        each.feed.detach(each)
    assert threading.active_count() == before[0]
    assert inotify_descriptors() == 0
    assert len(os.listdir("/proc/self/fd")) <= before[1] + 1  # a lock's file that the write has opened


def test_each_watcher_has_a_value_of_its_own(disk: fsstore.Store) -> None:
    first, second = Recorder(disk), Recorder(disk)
    disk.set("a", [1])
    [one], [other] = first.events(), second.events()
    one.value.append(2)
    assert other.value == [1]


def test_a_watcher_that_fails_is_alone_with_it(disk: fsstore.Store, watcher: Recorder) -> None:
    class Failing(Recorder):
        def put(self, event: object) -> None:
            raise RuntimeError("of its own")

    Failing(disk)
    disk.set("a", 1)
    assert watcher.told() == ["created default/a 1 by tester"]


def test_who_comes_late_is_told_what_differs(disk: fsstore.Store, root: Path) -> None:
    disk.set_many({"same": 1, "changed": 1, "gone": 1})
    first = Recorder(disk)
    known = first.feed.told()
    first.feed.detach(first)
    disk.set("changed", 2)
    disk.delete("gone")
    save(root / "default" / "hand.json", "3")
    late = Recorder(disk, since=known)
    assert sorted(late.told()) == [
        "created default/hand 3 by a person",
        "deleted default/gone by tester",
        "updated default/changed 2 by tester",
    ]
    everything = Recorder(disk, since={})
    assert sorted(event.key for event in everything.events()) == ["changed", "hand", "same"]


def test_who_knows_revisions_alone(disk: fsstore.Store) -> None:
    """As a commit of git has them."""
    disk.set_many({"same": 1, "changed": 1})
    known = {"default": {key: bytes.fromhex(disk.info(key).revision) for key in ("same", "changed")}}
    disk.set("changed", 2)
    assert Recorder(disk, since=known).told() == ["updated default/changed 2 by tester"]


def test_what_is_half_written_when_somebody_comes(disk: fsstore.Store, root: Path) -> None:
    save(root / "default" / "half.json", '{"a": ')
    late = Recorder(disk, since={})
    save(root / "default" / "half.json", '{"a": 1}')
    assert late.told() == ["created default/half {'a': 1} by a person"]


def test_what_is_half_written_when_somebody_comes_back(disk: fsstore.Store, root: Path) -> None:
    """It is told what it is to them, whatever others know: changed, as before, or gone."""
    disk.set_many({"changed": 1, "same": 1, "gone": 1})
    known = {"default": {key: bytes.fromhex(disk.info(key).revision) for key in ("changed", "same", "gone")}}
    early = Recorder(disk)
    with early.paused():
        for key in ("changed", "same", "gone", "unknown"):
            save(root / "default" / f"{key}.json", "{")
        late = Recorder.__new__(Recorder)
        thread = threading.Thread(target=late.__init__, args=(disk, known))  # type: ignore[misc]
        thread.start()
    thread.join()
    save(root / "default" / "changed.json", "2")
    save(root / "default" / "same.json", "1\n")
    for key in ("gone", "unknown"):
        (root / "default" / f"{key}.json").unlink()
    found = {event.key: event for event in late.events() if event.kind != "invalid"}
    assert {key: event.kind for key, event in found.items()} == {"changed": "updated", "gone": "deleted"}
    assert all(event.old_mark[-20:] == known["default"][key] for key, event in found.items())


@pytest.mark.usefixtures("hasty")
def test_what_stays_half_written_is_told_to_who_comes(disk: fsstore.Store, root: Path) -> None:
    save(root / "default" / "half.json", '{"a": ')
    os.utime(root / "default" / "half.json", (1, 1))
    late = Recorder(disk, since={})
    [event] = late.events()
    assert (event.kind, event.revision) == ("invalid", revision(b'{"a": '))
    write_over(root / "default" / "half.json", '{"a": ')  # the same again is no change
    assert late.told() == []


def test_one_namespace_alone(disk: fsstore.Store) -> None:
    watcher = Recorder(disk, namespace="mine")
    disk.set("a", 1)
    disk.use_namespace("mine").set("b", 2)
    assert watcher.told() == ["created mine/b 2 by tester"]


@pytest.mark.parametrize("left", range(4))
def test_too_few_descriptors_are_waited_for(watcher: Recorder, disk: fsstore.Store, root: Path, left: int) -> None:
    """None at all, or too few for a look at a directory: to read it takes another one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with watcher.paused(), pytest.raises(OSError, match="Too many open files"):
            while True:  # the observer has none open that it could use afterwards
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(left):
            os.close(taken.pop())
        os.rename(root / "default" / "old.json", root / "default" / "renamed.json")
        os.mkdir(root / "default" / "new")
        if left < 2:
            wait_until(lambda: watcher.feed.status().held > 0 or bool(watcher.feed.status().unwatched))
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    save(root / "default" / "new" / "k.json", "1")
    assert sorted(watcher.told()) == [
        "created default/new:k 1 by a person",
        "created default/renamed 0 by a person",
        "deleted default/old by a person",
    ]


def test_a_snapshot_is_no_change(disk: fsstore.Store, watcher: Recorder) -> None:
    disk.set_many({f"k{number}": number for number in range(100)})
    watcher.events()
    disk.snapshot()
    assert watcher.told() == []


def test_a_forked_child_does_not_disturb(watcher: Recorder, disk: fsstore.Store) -> None:

    def watch_too() -> None:
        assert watcher.ended  # it was the parent's
        own = Recorder(disk)
        disk.set("child", 1)
        assert [event.key for event in own.events()] == ["child"]

    children.in_child(watch_too)
    assert [event.key for event in watcher.events()] == ["child"]
    disk.set("parent", 1)
    assert [event.key for event in watcher.events()] == ["parent"]


def test_a_sync_that_takes_too_long_says_so(watcher: Recorder, root: Path) -> None:
    save(root / "default" / "bad.json", "{")
    with pytest.raises(fsstore.WaitTimeout, match="not all changes could be told"):
        watcher.feed.sync(0.01)


def test_a_failure_of_the_hub_is_told_to_all(
    disk: fsstore.Store, watcher: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Reconciler, "flush", broken)
    disk.set("a", 1)
    wait_until(lambda: bool(watcher.ended))
    assert "a bug" in str(watcher.ended[0])
    monkeypatch.undo()
    again = Recorder(disk)
    disk.set("b", 1)
    assert again.told() == ["created default/b 1 by tester"]


def inotify_descriptors() -> int:
    """How many this process has open."""
    found = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            found += "inotify" in os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
    return found


def wait_until(condition: object, seconds: float = 30) -> None:
    """Wait for something that is about to happen."""
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)
