"""Full disks, and limits of the system on a process: what was stored stays, reads and deletes work, nothing is half."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from files.children import NOBODY, in_child
from files.mounts import small_disk
from files.needs import need, need_program, need_root
from files.test_disk_full import fill

import fsstore
from fsstore import DiskFull, ReadOnly, Store, StoreError

from .disturbed import ROUNDS, Scene
from .flaws import flawed
from .verbs import OLD, VERBS, Verb, complaint, litter

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


# -- limits of a process ---------------------------------------------------------------------------


def answer_of(act: Callable[[], Any], uid: int | None = None) -> str:
    """``ok``, or the type of the error of a call in a child; any other error than the store's fails the test."""
    read, write = os.pipe()

    def child() -> None:
        try:
            act()
            os.write(write, b"ok")
        except StoreError as error:
            os.write(write, type(error).__name__.encode())

    try:
        in_child(child, uid=uid)
        return os.read(read, 100).decode()
    finally:
        os.close(read)
        os.close(write)


def limited(verb: Verb, limit: int, amount: int) -> Callable[[Store], None]:
    """The verb under such a limit, then a read under it, then a write without it."""

    def act(store: Store) -> None:
        known = store.get("t"), store.get_all()  # so that a read needs no more files than it should
        assert known
        before = resource.getrlimit(limit)
        resource.setrlimit(limit, (amount, before[1]))
        try:
            verb.act(store)
        finally:
            resource.setrlimit(limit, before)
            with contextlib.closing(fsstore.open(store._engine._tree.root)) as other:  # type: ignore[attr-defined]
                other.set("probe", 1)
                assert other.pop("probe") == 1

    return act


def cases(step: int) -> list[Verb]:
    return VERBS if ROUNDS > 1 else VERBS[::step]


@pytest.mark.parametrize("verb", cases(1), ids=lambda verb: verb.name)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_file_sizes(verb: Verb, durability: str, scratch: Path) -> None:
    """RLIMIT_FSIZE: a write ends in the middle, in whatever file reaches the limit."""
    scene = Scene(scratch, verb, durability)
    answers = set()
    for size in (0, 10, 100, 300, 900):
        with scene.opened() as store:
            answer = answer_of(lambda store=store, size=size: limited(verb, resource.RLIMIT_FSIZE, size)(store))  # type: ignore[misc]
        answers.add(answer)
        wrong = complaint(scene.root, scene.before, scene.after, done=answer == "ok", durability=durability)
        assert wrong is None, (size, answer)
    assert verb.name.startswith(("delete", "pop", "clear")) or answers - {"ok"}


def open_files() -> int:
    """The number that the next descriptor gets."""
    fd = os.dup(0)
    os.close(fd)
    return fd


@pytest.mark.parametrize("verb", cases(2), ids=lambda verb: verb.name)
def test_descriptors(verb: Verb, scratch: Path) -> None:
    """RLIMIT_NOFILE: the process may open some more files, but not enough."""
    scene = Scene(scratch, verb)
    answers = []
    for more in (*range(10), 14, 18, 100):
        with scene.opened() as store:
            answer = answer_of(
                lambda store=store, more=more: limited(verb, resource.RLIMIT_NOFILE, open_files() + more)(store)  # type: ignore[misc]
            )
        answers.append(answer)
        assert complaint(scene.root, scene.before, scene.after, done=answer == "ok") is None, (more, answer)
    assert answers[0] != "ok"
    assert answers[-1] == "ok"


CLOSED = ["default", "other", ".fsstore/tmp", ".fsstore/commits", ".fsstore/journal", ".fsstore"]


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("verb", cases(3), ids=lambda verb: verb.name)
def test_a_directory_without_write_permission(verb: Verb, closed: str, scratch: Path) -> None:
    assert without_permission(Scene(scratch, verb), closed)[1] is None


def without_permission(scene: Scene, closed: str) -> tuple[str, str | None]:
    """The answer to a user who may not write in this directory of the store, and what is wrong afterwards."""
    need_root()
    with scene.opened():
        pass
    owned_by_nobody(scene.root)
    (scene.root / closed).chmod(0o555)

    def act() -> None:
        with fsstore.open(scene.root) as store:
            assert store.get("a") == OLD
            scene.verb.act(store)

    answer = answer_of(act, NOBODY)
    (scene.root / closed).chmod(0o755)
    return answer, complaint(scene.root, scene.before, scene.after, done=answer == "ok")


def owned_by_nobody(root: Path) -> None:
    for path, _, names in os.walk(root):
        shutil.chown(path, NOBODY, NOBODY)
        for name in names:
            shutil.chown(f"{path}/{name}", NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("verb", "closed"), [("set-over", "default"), ("set-over", ".fsstore/tmp"), ("clear", "other")]
)
def test_the_permission_is_missed(verb: str, closed: str, scratch: Path) -> None:
    assert without_permission(Scene(scratch, named(verb)), closed) == ("AccessDenied", None)


def test_flaws_are_seen(scratch: Path) -> None:
    """Without a record nobody can take back what was done in one directory before it failed in another."""
    with flawed("no-intent"):
        answer, wrong = without_permission(Scene(scratch, named("transaction")), "other")
    assert answer == "AccessDenied"
    assert wrong is not None


def named(name: str) -> Verb:
    return next(verb for verb in VERBS if verb.name == name)
