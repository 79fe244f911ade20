"""A backup is the store as it was at one instant, while others write, or it is not there at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import AccessDenied, DiskFull, NestedWrite, NotAStore, ReadOnly, Store, Unsupported
from fsstore.engines.files import backup, copying
from fsstore.engines.files.writer import FileWriter

from .alarm import until
from .children import NOBODY, in_child, line, start
from .mounts import small_disk
from .needs import need_program, need_root
from .surroundings import picture

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))
WRITERS, KEYS = 4, 10

MOVE_TOKEN = """
import random, sys, fsstore
store, number = fsstore.open(sys.argv[1], agent="mover"), int(sys.argv[2])
random.seed(number)
keys = [f"at:{each}" for each in range(int(sys.argv[3]))]
print("moving", flush=True)
while True:
    def move(tx):
        held = tx.get_many(keys)
        (holder,) = [key for key in keys if held[key]["tokens"]]
        target = random.choice([key for key in keys if key != holder])
        step = held[holder]["step"] + 1
        tx.set_many({key: {"tokens": int(key == target), "step": step} for key in keys}, {"step": step})
    store.transact(move, retries=1000)
"""


@contextmanager
def tokens_moving(root: Path) -> Iterator[None]:
    """Processes that move one token among ten keys, all keys and their metadata in one commit each time."""
    with fsstore.open(root) as store:
        store.set_many({f"at:{each}": {"tokens": int(each == 0), "step": 0} for each in range(KEYS)}, {"step": 0})
    writers = [start(MOVE_TOKEN, root, number, KEYS) for number in range(WRITERS)]
    try:
        for writer in writers:
            assert line(writer) == "moving"
        yield
        assert [writer.poll() for writer in writers] == [None] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()


def require_one_state(copy: Path) -> int:
    """The step that the copy holds; it must hold that one alone, as a healthy store."""
    raw = [json.loads(path.read_bytes()) for path in sorted((copy / "default/at").iterdir())]
    with fsstore.open(copy, read_only=True) as store:
        values = store.get_prefix("at:")
        assert sum(value["tokens"] for value in values.values()) == 1
        steps = {value["step"] for value in values.values()}
        steps |= {store.info(key).metadata["step"] for key in values}
        assert len(steps) == 1
        assert list(store.doctor()) == []
        assert {store.info(key).updated_by for key in values} <= {"mover", None}
    assert raw == list(values.values()), "the files themselves hold it, not a commit's record"
    return int(steps.pop())


def back_up_in_a_storm(root: Path, count: int) -> list[int]:
    """The states that so many backups hold, while tokens move."""
    with fsstore.open(root, agent="quiet") as store:
        store.set_many({f"quiet:{each}": each for each in range(200)}, {"of": "quiet"})
        quiet = {key: store.info(key)._replace(path="") for key in store.list_keys("quiet:")}
        steps = []
        with tokens_moving(root):
            for number in range(count):
                copy = root.parent / f"copy{number}"
                before = store.get("at:0")["step"]
                copied = store.backup(copy)
                assert copied.files == sum(len(files) for _, _, files in os.walk(copy))
                with fsstore.open(copy, read_only=True) as kept:
                    assert {key: kept.info(key)._replace(path="") for key in quiet} == quiet
                steps.append(require_one_state(copy))
                assert steps[-1] >= before, "what was written before the backup is in it"
                until(lambda step=steps[-1]: store.get("at:0")["step"] > step)  # type: ignore[misc]
    return steps


def test_one_instant_while_others_write(root: Path) -> None:
    count = 10 * ROUNDS
    steps = back_up_in_a_storm(root, count)
    assert steps == sorted(set(steps))
    assert len(steps) == count


@pytest.fixture
def filled(disk: Store, root: Path) -> Store:
    """Keys of all sorts, and what people and git put beside them."""
    disk.set_many({"k": 1, "a:b": [2], "": 0, "x" * 500: 3, "é": "é", "big": "x" * 3_000_000}, {"m": 1})
    disk.use_namespace("files:apache/mina").set("src/main.py", "text")
    (root / "default/notes.md").write_text("a person's")
    (root / "default/k.json").chmod(0o640)
    (root / "default/a").chmod(0o750)
    os.utime(root / "default/notes.md", ns=(1, 1_000_000_000_123_456_789))
    (root / "default/link").symlink_to("../..")
    (root / "empty").mkdir()
    (root / ".git").mkdir()
    (root / ".git/HEAD").write_text("ref: refs/heads/main\n")
    return disk


RUNTIME = tuple(f".fsstore/{name}" for name in ("tmp", "commits", "locks", "holders", "gate", "wal", "users"))


def test_everything_but_what_programs_need_to_run(filled: Store, root: Path) -> None:
    os.mkfifo(root / "default/pipe")
    copied = filled.backup(root.parent / "copy")
    left_out = (*RUNTIME, ".git", "default/pipe")
    assert picture(root.parent / "copy") == picture(root, leave_out=left_out)
    assert os.listdir(root.parent / "copy/.fsstore") == ["journal"]
    assert copied.skipped == [".git", "default/pipe"]
    assert copied.path == str(root.parent / "copy")
    assert os.readlink(root.parent / "copy/default/link") == "../.."
    with fsstore.open(root.parent / "copy") as copy:
        assert copy.get_all() == filled.get_all()
        copy.set("k", 2)
        assert filled.get("k") == 1


def test_the_id_of_the_copy(filled: Store, root: Path) -> None:
    marker = json.loads((root / "fsstore.json").read_text())
    (root / "fsstore.json").write_text(json.dumps({**marker, "settings": {"max_value_bytes": 10_000_000}}))
    same, new = root.parent / "same", root.parent / "new"
    assert filled.backup(same).id == marker["id"]
    identity = filled.backup(new, new_id=True).id
    assert identity != marker["id"]
    assert (same / "fsstore.json").read_bytes() == (root / "fsstore.json").read_bytes()
    assert json.loads((new / "fsstore.json").read_text()) == {
        "format": 1,
        "id": identity,
        "settings": {"max_value_bytes": 10_000_000},
    }


def test_an_empty_directory_may_be_there(filled: Store, root: Path) -> None:
    (root.parent / "copy").mkdir()
    filled.backup(root.parent / "copy")
    with fsstore.open(root.parent / "copy", create=False) as copy:
        assert copy.get("k") == 1


@pytest.mark.parametrize("where", ["full", "file", "store", "store/default/copy", "other/copy", "linked/copy"])
def test_where_no_copy_can_be(filled: Store, root: Path, where: str) -> None:
    (root.parent / "full").mkdir()
    (root.parent / "full/file").touch()
    (root.parent / "file").touch()
    (root.parent / "linked").symlink_to(root)
    fsstore.open(root.parent / "other").close()
    before = picture(root.parent)
    with pytest.raises(NotAStore):
        filled.backup(root.parent / where)
    assert picture(root.parent) == before


def test_who_cannot_back_up(filled: Store, root: Path) -> None:
    with fsstore.open(root, read_only=True) as reader, pytest.raises(ReadOnly, match="read_only=True"):
        reader.backup(root.parent / "copy")
    with pytest.raises(NestedWrite):
        filled.update("k", lambda value: filled.backup(root.parent / "copy"))
    with fsstore.open(":memory:") as memory, pytest.raises(Unsupported):
        memory.backup(root.parent / "copy")
    assert os.listdir(root.parent) == ["store"]


def test_a_file_that_may_not_be_read(filled: Store, root: Path) -> None:
    """A copy without it would look whole."""
    need_root()
    for path in [root, *root.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    root.parent.chmod(0o777)
    os.chown(root / "default/k.json", 0, 0)
    (root / "default/k.json").chmod(0o600)

    def check() -> None:
        with fsstore.open(root) as store, pytest.raises(AccessDenied, match=r"default/k\.json"):
            store.backup(root.parent / "copy")

    in_child(check, uid=NOBODY)
    assert os.listdir(root.parent) == ["store"]


def test_another_disk_that_fills_up(filled: Store, root: Path, scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=2m") as disk:
        with pytest.raises(DiskFull) as caught:
            filled.backup(disk / "copy")
        assert caught.value.path.startswith(str(disk))
        assert os.listdir(disk) == []
        filled.delete("big")
        filled.backup(disk / "copy")
        assert picture(disk / "copy") == picture(root, leave_out=(*RUNTIME, ".git"))


BACK_UP = "import sys, fsstore; fsstore.open(sys.argv[1]).backup(sys.argv[2])"

IN_ITS_PLACE = """
import re
from fsstore.engines.files import backup
sound = backup.Tree
backup.Tree = lambda root: sound(re.sub(r"[.](copy)[.].*partial$", r"\\1", root))
backup._require_free = lambda *args: None
"""


def kill_everywhere(root: Path, before: str = "") -> Iterator[tuple[str, bool]]:
    """Back up, killed at one system call after another: the call, and whether there is a copy, which must be whole."""
    whole = picture(root, leave_out=(".fsstore", ".git"))
    calls = [("mkdir,mkdirat", nth) for nth in range(1, 9)] + [("copy_file_range", 1), ("syncfs", 1), ("rename", 1)]
    for call, nth in calls:
        trace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}")
        process = start(before + BACK_UP, root, root.parent / "copy", before=trace)
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (call, nth)
        there = (root.parent / "copy").exists()
        if there:
            assert picture(root.parent / "copy", leave_out=(".fsstore",)) == whole
        yield call, there
        for name in os.listdir(root.parent):
            if name != root.name:
                shutil.rmtree(root.parent / name)


def test_killed_in_the_middle(filled: Store, root: Path) -> None:
    need_root()
    need_program("strace")
    assert {there for _, there in kill_everywhere(root)} == {False}
    filled.set("k", "the next operation works")


def never_again(patch: pytest.MonkeyPatch) -> None:
    sound = copying.Copying.sweep

    def sweep(self: copying.Copying) -> None:
        if not self._done:
            sound(self)

    patch.setattr(copying.Copying, "sweep", sweep)


def without_locks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FileWriter, "_holding", lambda self, numbers: nullcontext())


def by_size_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(copying.Signature, "of", lambda status: copying.Signature(status.st_mode, size=status.st_size))
    patch.setattr(copying, "_RACY", 0)


def nothing_is_removed(patch: pytest.MonkeyPatch) -> None:
    sound = copying.Copying._walk

    def walk(self: copying.Copying, directory: str) -> Iterator[tuple[str, copying.Signature]]:
        yield from {**self._done, **dict(sound(self, directory))}.items()

    patch.setattr(copying.Copying, "_walk", walk)


def test_keys_that_go_while_it_copies(root: Path) -> None:
    """What the first sweep copied and the last does not find is not in the copy; a directory may become a key."""
    with fsstore.open(root) as store, pytest.MonkeyPatch.context() as patch:
        store.set_many({"stays": 1, "goes": 1, "a:b:c": 1, "d:e": 1, "changes": 1}, {"m": 1})
        sound, sweeps = copying.Copying.sweep, []

        def change() -> None:
            store.delete_many(["goes", "a:b:c"])
            store.set_many({"a:b": 2, "changes": 2, "new:key": 3})

        def sweep(self: copying.Copying) -> None:
            sound(self)
            sweeps.append(sorted(self.files))
            if len(sweeps) == 1:
                in_child(change)

        patch.setattr(copying.Copying, "sweep", sweep)
        store.backup(root.parent / "copy")
        assert "default/a/b/c.json" in sweeps[0]
        with fsstore.open(root.parent / "copy") as copy:
            assert copy.get_all() == store.get_all() == {"a:b": 2, "changes": 2, "d:e": 1, "new:key": 3, "stays": 1}
            assert list(copy.doctor()) == []
        assert picture(root.parent / "copy", leave_out=(".fsstore",)) == picture(root, leave_out=(".fsstore",))


def written_during_the_last_sweep(root: Path, seconds: float) -> None:
    """Somebody writes two keys, which have changed, between the copies of the two; for so long they are waited for."""
    with fsstore.open(root) as store, fsstore.open(root) as other, pytest.MonkeyPatch.context() as patch:
        store.set_many({"x": 1, "y": 1})
        writer = threading.Thread(target=other.set_many, args=({"x": 3, "y": 3},))
        sound_sweep, sound_copy, sweeps = copying.Copying.sweep, copying.Copying._copy, []

        def change() -> None:
            store.set_many({"x": 2, "y": 2})

        def sweep(self: copying.Copying) -> None:
            sweeps.append(len(self.files))
            sound_sweep(self)
            if len(sweeps) == 1:
                in_child(change)

        def copy(self: copying.Copying, path: str, *args: Any) -> None:
            if len(sweeps) == 2 and path == "default/y.json":
                writer.start()
                writer.join(seconds)
            sound_copy(self, path, *args)

        patch.setattr(backup, "_UNLOCKED_SWEEPS", 1)
        patch.setattr(copying.Copying, "sweep", sweep)
        patch.setattr(copying.Copying, "_copy", copy)
        store.backup(root.parent / "copy")
        writer.join()
        with fsstore.open(root.parent / "copy") as kept:
            assert kept.get_all() == {"x": 2, "y": 2}
        assert store.get_all() == {"x": 3, "y": 3}


def test_who_writes_during_the_last_sweep_waits(root: Path) -> None:
    written_during_the_last_sweep(root, 0.1)


Flaw = Callable[[pytest.MonkeyPatch], None]
FLAWS: dict[str, tuple[Flaw, Callable[[Path], object]]] = {
    "no second pass": (never_again, test_keys_that_go_while_it_copies),
    "no locks": (without_locks, lambda root: written_during_the_last_sweep(root, 30)),
    "changes told by the size": (by_size_alone, test_keys_that_go_while_it_copies),
    "nothing is removed": (nothing_is_removed, test_keys_that_go_while_it_copies),
}


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_seen(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flaw, check = FLAWS[name]
    flaw(monkeypatch)
    with pytest.raises((AssertionError, fsstore.StoreError)):
        check(root)


def test_a_copy_made_in_its_place_is_seen(filled: Store, root: Path) -> None:
    need_root()
    need_program("strace")
    with pytest.raises(AssertionError):
        list(kill_everywhere(root, IN_ITS_PLACE))
