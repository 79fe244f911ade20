"""Several processes on one store: nothing torn, nothing lost, few lock files, and a killed one stops nobody."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

import fsstore
from fsstore import LockTimeout, Store
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.gate import COUNT
from fsstore.engines.files.stripes import TIMEOUT, Stripes, release

from .children import finish, line, start, tell

WRITER = """
import sys, fsstore
root, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with fsstore.open(root, agent=name) as store:
    for number in range(rounds):
        store.set(f"own:{name}:{number}", [name, number])
        store.set("shared", {"by": name, "number": number, "pad": name * (number % 7 * 500)})
"""
KILLED = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent="killed") as store:
    number = int(sys.argv[2])
    print("ready", flush=True)
    while True:
        number += 1
        store.set_many({f"k{index}": [number, "x" * 3000] for index in range(3)}, {"number": number})
"""
HOLDER = """
import sys
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.stripes import TIMEOUT, Stripes, release
stripes = Stripes(Tree(sys.argv[1]), layout.JOURNAL)
for order in sys.stdin:
    if order == "acquire\\n":
        held = stripes.acquire([7], timeout=5)
    else:
        release(held)
    print("done", flush=True)
"""


def test_four_writers_and_a_reader(disk: Store, root: Path) -> None:
    rounds = 120
    names = ["ann", "bob", "cyd", "dee"]
    writers = [start(WRITER, root, name, rounds) for name in names]
    seen = 0
    while any(writer.poll() is None for writer in writers) or not seen:
        shared = disk.get("shared")
        if shared is not None:
            assert shared["pad"] == shared["by"] * (shared["number"] % 7 * 500)
            seen += 1
        for key, value in disk.get_all().items():
            assert key == "shared" or key == f"own:{value[0]}:{value[1]}"
        listed = disk.list_keys()
        assert listed == sorted(set(listed))
    for writer in writers:
        finish(writer)
    everything = disk.get_all()
    assert everything.pop("shared")["number"] == rounds - 1
    assert everything == {f"own:{name}:{n}": [name, n] for name in names for n in range(rounds)}
    assert list(disk.doctor()) == []
    assert disk.info("own:bob:3").created_by == "bob"


def test_runtime_files_are_bounded(disk: Store, root: Path) -> None:
    disk.set_many({f"key:{number}": number for number in range(2000)}, {"m": 1})
    for _ in range(3):
        with fsstore.open(root) as store:
            store.set_many({f"key:{number}": -number for number in range(2000)})
    names = {path.name for path in (root / ".fsstore").rglob("*") if path.is_file()}
    assert names == {"gate"} | {f"{number:02x}.ndjson" for number in range(64)}


def test_a_killed_writer_leaves_each_key_old_or_new(disk: Store, root: Path) -> None:
    number = 0
    for round in range(20):
        disk.set_many({f"k{index}": [number, "x" * 3000] for index in range(3)})
        writer = start(KILLED, root, number)
        assert line(writer) == "ready"
        before = number
        time.sleep(0.002 + 0.0011 * round)  # another instant each time
        writer.kill()
        assert writer.wait(60) == -signal.SIGKILL
        values = disk.get_all()
        assert sorted(values) == ["k0", "k1", "k2"]
        for value in values.values():
            assert value[0] >= before
            assert value[1] == "x" * 3000
        assert max(v[0] for v in values.values()) - min(v[0] for v in values.values()) <= 1
        started = time.monotonic()
        number = max(value[0] for value in values.values()) + 1
        disk.set_many({key: [number, "x" * 3000] for key in values})
        assert time.monotonic() - started < TIMEOUT / 2, "the dead still held the locks"
        assert disk.get("k0")[0] == number
        assert disk.info("k0").updated_by == "tester"
    assert {finding.problem for finding in disk.doctor()} <= {"leftover"}


def test_a_stopped_holder_makes_others_time_out(disk: Store, root: Path) -> None:
    holder = start(HOLDER, root)
    tell(holder, "acquire")
    assert line(holder) == "done"
    holder.send_signal(signal.SIGSTOP)
    stripes = Stripes(Tree(str(root)), layout.JOURNAL)
    started = time.monotonic()
    with pytest.raises(LockTimeout) as caught:
        stripes.acquire([6, 7], timeout=0.1)
    assert 0.09 <= time.monotonic() - started < TIMEOUT / 2
    assert caught.value.seconds == 0.1
    release(stripes.acquire([6], timeout=0.1))
    disk.get("any")
    holder.send_signal(signal.SIGCONT)
    tell(holder, "release")
    assert line(holder) == "done"
    release(stripes.acquire([6, 7], timeout=5))
    finish(holder)


def test_a_killed_holders_lock_is_free(root: Path, disk: Store) -> None:
    holder = start(HOLDER, root)
    tell(holder, "acquire")
    assert line(holder) == "done"
    holder.kill()
    holder.wait()
    release(Stripes(Tree(str(root)), layout.JOURNAL).acquire([7], timeout=1))


@pytest.mark.parametrize("removed", [layout.JOURNAL, layout.RUNTIME])
def test_exclusion_after_the_lock_files_were_removed(disk: Store, root: Path, removed: str) -> None:
    """Who held a removed file may finish; from then on all lock the new one."""
    holder = start(HOLDER, root)
    tell(holder, "acquire")
    assert line(holder) == "done"
    shutil.rmtree(root / removed)
    disk.set("any", 1)
    stripes = Stripes(Tree(str(root)), layout.JOURNAL)
    held = stripes.acquire([7], timeout=1)
    tell(holder, "release")
    assert line(holder) == "done"
    release(held)
    tell(holder, "acquire")
    assert line(holder) == "done"
    with pytest.raises(LockTimeout):
        stripes.acquire([7], timeout=0.05)
    tell(holder, "release")
    assert line(holder) == "done"
    release(stripes.acquire([7], timeout=1))
    finish(holder)
    assert len(stripes.acquire(list(range(COUNT)), timeout=1)) == COUNT
