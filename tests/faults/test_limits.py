"""Full and failing disks: what was stored stays, reads and deletes work, and no write is done by half."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from files.mounts import small_disk
from files.needs import need, need_program, need_root
from files.test_disk_full import fill

import fsstore
from fsstore import DiskFull, ReadOnly, Store

from .verbs import OLD, litter

BIG = {"v": "new" * 3000}
VALUES = {f"{kind}:{number}": OLD | {"n": 1} for kind in "abcdef" for number in range(10)} | {"n": 1, "l": [1]}


def _transaction(store: Store) -> None:
    with store.transaction() as tx:
        tx.delete("a:1")
        tx.set("a:2", BIG)


GROWING: dict[str, Callable[[Store], Any]] = {
    "update": lambda s: s.update("a:1", lambda _: BIG),
    "append": lambda s: s.append("l", BIG),
    "create": lambda s: s.create("new", BIG),
    "set_many": lambda s: s.set_many({"a:1": "small", "a:2": BIG, "new": BIG}),
    "set_many, of many small ones": lambda s: s.set_many({f"new:{number}": number for number in range(2000)}),
    "replace_all": lambda s: s.replace_all({"a:1": BIG}),
    "move": lambda s: s.move("big", "new"),
    "transaction": _transaction,
}
SHRINKING: dict[str, Callable[[Store], Any]] = {
    "delete": lambda s: s.delete("a:1"),
    "pop": lambda s: s.pop("a:2"),
    "delete_many": lambda s: s.delete_many(["a:3", "a:4", "b:3"]),
    "delete_prefix": lambda s: s.delete_prefix("c:"),
    "clear": lambda s: s.clear(),
}


def ext4_image(path: Path) -> Path:
    """A small real disk in a file, not mounted."""
    need_root()
    with path.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run([need_program("mkfs.ext4"), "-q", "-F", "-m", "0", "-O", "^has_journal", path], check=True)
    return path


@contextlib.contextmanager
def mounted(image: Path, at: Path, options: str = "loop") -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", options, image, at], capture_output=True, check=False)
    need(done.returncode == 0, "needs the right to mount")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def ext4(at: Path, options: str) -> AbstractContextManager[Path]:
    return mounted(ext4_image(at.with_name("image")), at, options)


Disk = Callable[[Path, str], AbstractContextManager[Path]]


def prepared(disk: Path, durability: str = "process") -> Store:
    """A store with something in it."""
    store = fsstore.open(disk / "store", durability=durability, agent="tester")
    store.set_many(VALUES)
    store.set("big", BIG, {"m": 1})
    return store


def require_refused(store: Store, disk: Path) -> None:
    """Nothing that needs room is done, not even in part; all can be read."""
    before = store.get_all()
    for name, write in GROWING.items():
        with pytest.raises(DiskFull):
            write(store)
        assert store.get_all() == before, name
        assert store.get_many(list(before)) == before, name
        assert litter(disk / "store") == [], name
    assert store.info("big").metadata == {"m": 1}


def require_deletes(store: Store) -> None:
    """What frees room is done."""
    left = store.get_all()
    for name, delete in SHRINKING.items():
        delete(store)
        found = store.get_all()
        assert found.items() < left.items(), name
        left = found
    assert left == {}


@pytest.mark.parametrize(
    ("make", "options", "durability"),
    [
        (small_disk, "size=3m", "process"),
        (small_disk, "size=9m", "power"),
        (ext4, "loop", "process"),
        (ext4, "loop", "power"),
    ],
)
def test_no_space(make: Disk, options: str, durability: str, scratch: Path) -> None:
    with make(scratch / "disk", options) as disk:
        with prepared(disk, durability) as store:
            filler = fill(disk)
            require_refused(store, disk)
            require_deletes(store)
            filler.unlink()
            store.set_many(VALUES)
        with fsstore.open(disk / "store") as store:
            assert store.get_all() == dict(sorted(VALUES.items()))
            assert list(store.doctor()) == []
            assert litter(disk / "store") == []


@pytest.mark.parametrize("verb", SHRINKING)
def test_each_delete_on_a_full_disk_reopened(verb: str, scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=3m") as disk:
        prepared(disk).close()
        fill(disk)
        with fsstore.open(disk / "store") as store:
            before = store.get_all()
            SHRINKING[verb](store)
            assert store.get_all().items() < before.items()
        with fsstore.open(disk / "store", read_only=True) as reader:
            assert reader.get_all().items() < before.items()


def test_no_inodes(scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=8m,nr_inodes=300") as disk, prepared(disk) as store:
        with pytest.raises(OSError, match="No space"):
            for number in range(1000):
                (disk / f"empty{number}").touch()
        require_refused(store, disk)
        require_deletes(store)


def test_a_disk_that_fails_and_becomes_read_only(scratch: Path) -> None:
    """What ext4 does when it finds itself damaged, while the store is open for writing."""
    image = ext4_image(scratch / "image")
    with mounted(image, scratch / "disk", "loop,errors=remount-ro") as disk, prepared(disk) as store:
        before = store.get_all()
        os.sync()
        fail(disk)
        for write in (*GROWING.values(), *SHRINKING.values()):
            with pytest.raises(ReadOnly):
                write(store)
            assert store.get_all() == before
        with fsstore.open(disk / "store", read_only=True) as other:
            assert other.get_all() == before
    subprocess.run([need_program("e2fsck"), "-fy", image], capture_output=True, check=False)
    with mounted(image, scratch / "disk") as disk, fsstore.open(disk / "store") as store:
        assert store.get_all() == before
        assert store.increment("n") == 2
        require_deletes(store)


def fail(disk: Path) -> None:
    """Have the file system believe that it is damaged."""
    device = os.path.realpath(f"/sys/dev/block/{os.major(disk.stat().st_dev)}:{os.minor(disk.stat().st_dev)}")
    trigger = Path("/sys/fs/ext4", os.path.basename(device), "trigger_fs_error")
    need(os.access(trigger, os.W_OK), "needs an ext4 that can be told to fail")
    trigger.write_text("a test")
    assert os.statvfs(disk).f_flag & os.ST_RDONLY or not can_make_a_file(disk)


def can_make_a_file(directory: Path) -> bool:
    try:
        (directory / "probe").touch()
    except OSError:
        return False
    return True
