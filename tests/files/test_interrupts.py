"""Ctrl-C, and other errors in the middle: nothing stays locked, open or half told."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import AccessDenied, BadValue, Blocked, DiskFull, InvalidName, Store
from fsstore.engines.files import rules
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.stripes import TIMEOUT, Stripe, Stripes

from .alarm import within
from .children import finish, in_child, start
from .mounts import small_disk

INTERRUPTED = """
import os, signal, sys, threading, fsstore
store = fsstore.open(sys.argv[1])
store.set("k", 0)
for round in range(60):
    delay = 0.002 + 0.00005 * round
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        while True:
            store.set("k", store.get("k") + 1)
    except KeyboardInterrupt:
        pass
    timer.join()
    box = []
    other = threading.Thread(target=lambda: box.append(store.set("k", round)))
    other.start()
    other.join(10)
    assert not other.is_alive(), f"round {round}: the key stayed locked"
store.close()
print("free", len(os.listdir(sys.argv[1] + "/.fsstore/tmp")))
"""


def test_ctrl_c_leaves_no_lock(root: Path) -> None:
    process = start(INTERRUPTED, root)
    word, litter = finish(process, 60).split()
    assert word == "free"
    assert int(litter) <= 2  # what an interrupt caught between making a file and noting its name


def test_a_failed_look_at_a_lock_lets_go_of_it(disk: Store, root: Path) -> None:
    disk.set("k", 1)

    def from_another_process() -> None:
        with within(5), fsstore.open(root) as store:
            store.set("k", 2)

    journal = root / ".fsstore" / "journal"

    def denied(self: Stripes, stripe: Stripe) -> bool:
        raise PermissionError(13, "Permission denied", str(journal))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stripes, "_is_current", denied)
        with pytest.raises(AccessDenied, match="journal"):
            disk.set("k", 3)
    in_child(from_another_process)
    assert disk.get("k") == 2


def test_opening_waits_for_nobody(disk: Store, root: Path) -> None:
    assert TIMEOUT == 30
    with open(root / ".fsstore/journal/00.ndjson", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with within(5):
            in_child(lambda: fsstore.open(root).close())


def test_a_failed_open_leaves_nothing_open(disk: Store, root: Path) -> None:
    disk.set_many({str(number): number for number in range(100)})
    with pytest.raises(InvalidName):
        fsstore.open(root, namespace="")
    with pytest.raises(InvalidName, match="agent"):
        fsstore.open(root, agent=5)  # type: ignore[arg-type]
    disk.close()
    names = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    assert [path for path in names if os.path.lexists(path) and str(root) in os.readlink(path)] == []


def test_metadata_that_does_not_fit_changes_no_key(scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=900k") as disk, fsstore.open(disk / "store") as store:
        store.set_many({f"k{number}": 0 for number in range(8)})
        with pytest.raises(DiskFull):
            store.set_many({f"k{number}": 1 for number in range(8)}, metadata={"m": "x" * 150_000})
        assert set(store.get_all().values()) == {0}
        assert os.listdir(disk / "store/.fsstore/tmp") == []


def test_a_directory_moved_while_a_large_value_is_written(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.set("project:x", 0)
    tmp, project, sizes = root / ".fsstore" / "tmp", root / "default" / "project", list[int]()
    sound = Tree.stage

    def stage(self: Tree, *args: Any, **options: Any) -> None:
        sound(self, *args, **options)
        if not sizes:
            sizes.extend(file.stat().st_size for file in tmp.iterdir())
            project.rename(root / "default" / "archive")
            project.mkdir()
            (project / "y.json").write_text("7\n")

    value = "x" * (2 << 20)
    monkeypatch.setattr(Tree, "stage", stage)
    disk.set("project:x", value)
    assert max(sizes) > 2 << 20, "it was not on its way yet"
    assert disk.get("project:x") == value
    assert disk.get("project:y") == 7


@pytest.mark.parametrize("seconds", [0.0, 3600.0], ids=["the rules are looked at again", "they are known still"])
def test_deleting_under_linked_metadata(
    disk: Store, root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(rules, "_BELIEVED", seconds)
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "k.json").write_text("{}")
    disk.set("k", 1)
    (root / "default" / ".meta").symlink_to(outside)
    assert disk.delete("k") is True
    if seconds:
        disk.set("k", 2)
        assert disk.get("k") == 2
    else:  # there may be rules behind it
        with pytest.raises(BadValue, match="symbolic link"):
            disk.set("k", 2)
    assert (outside / "k.json").read_text() == "{}"


def test_a_directory_in_the_place_of_metadata_stops_a_delete_before_it_begins(disk: Store, root: Path) -> None:
    disk.set("k", 1)
    (root / "default" / ".meta" / "k.json").mkdir(parents=True)
    with pytest.raises(Blocked):
        disk.delete("k")
    assert disk.get("k") == 1


FORKED = """
import gc, os, signal, sys, threading, warnings, fsstore
warnings.simplefilter("ignore")  # forking beside threads is what is tested
store, stop = fsstore.open(sys.argv[1]), threading.Event()
store.set_many({f"k{number}": number for number in range(500)})
def work():
    while not stop.is_set():
        THREAD
thread = threading.Thread(target=work)
thread.start()
codes = set()
for _ in range(20):
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        CHILD
        os._exit(0)
    codes.add(os.waitpid(pid, 0)[1])
stop.set()
thread.join()
print(codes)
"""


def forked(path: object, thread: str, child: str) -> str:
    """How 20 children ended that were forked beside a busy thread.

    In a Python that is not measured: a tracer's own locks do not outlive such a fork.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    code = FORKED.replace("THREAD", thread).replace("CHILD", child)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_a_child_forked_while_everything_is_read_collects_garbage(root: Path) -> None:
    child = "ok = gc.isenabled(); store.get_all(); ok and gc.isenabled() or os._exit(3)"
    assert forked(root, "store.get_all()", child) == "{0}"


def test_a_memory_store_is_free_in_a_forked_child() -> None:
    thread = "store.set_many({f'k{number}': number for number in range(500)})"
    assert forked(":memory:", thread, "store.set('x', 1)") == "{0}"


def test_a_store_inside_a_store_is_refused(disk: Store, root: Path) -> None:
    disk.set("a:b", 1)
    for inside in (root / "default", root / "default" / "n", root / ".fsstore" / "x", root / "new" / "deep"):
        with pytest.raises(fsstore.NotAStore, match="inside the store"):
            fsstore.open(inside)
        assert not (inside / "fsstore.json").exists()
