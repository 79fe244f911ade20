"""Named locks and leases exclude one another between processes, whatever is stopped, killed, forked or deleted."""

from __future__ import annotations

import os
import shutil
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import fsstore
from fsstore import LeaseLost, LockTimeout, Store
from fsstore.engines.files import locks
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.collector import paused
from fsstore.engines.files.locked import lock
from fsstore.engines.files.locks import FileLocks
from fsstore.leases import Holding

from .alarm import until, within
from .children import finish, fork, in_child, join, line, start, tell
from .holders import HolderProcess, entries, is_free
from .lock_flaws import FLAWS, SCENARIOS
from .test_descriptors import count

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_sound_locks_pass(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SCENARIOS[name](root, monkeypatch)


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, flawed = FLAWS[name]
    monkeypatch.setattr(owner, attribute, flawed)  # which must be there
    with pytest.raises((AssertionError, LockTimeout)):
        SCENARIOS[name](root, monkeypatch)


# -- killed and stopped ----------------------------------------------------------------------------


@pytest.mark.parametrize("ttl", [0, 3600])
def test_a_killed_holder_is_gone_within_a_second(disk: Store, root: Path, ttl: float) -> None:
    holder = HolderProcess(root, "job", ttl)
    assert not is_free(disk, "job")
    holder.kill()
    assert is_free(disk, "job", timeout=1)
    assert disk.locked_by("job") is None


def test_who_waits_for_a_killed_holder_gets_it(disk: Store, root: Path) -> None:
    holder = HolderProcess(root, "job")
    killer = threading.Timer(0.2, holder.process.kill)
    killer.start()
    with disk.lock("job", timeout=10) as held:
        assert held.token > holder.token
    killer.join()


def test_a_stopped_holder_of_a_lock_keeps_it(disk: Store, root: Path) -> None:
    holder = HolderProcess(root, "job")
    holder.stop()
    with pytest.raises(LockTimeout, match=rf"process {holder.pid} .*'holder'.*ps ") as raised:
        disk.lock("job", timeout=0.3).__enter__()
    error = raised.value
    assert (error.pid, error.agent, error.seconds) == (holder.pid, "holder", 0.3)
    assert error.since is not None
    holder.go_on()
    tell(holder.process, "write")
    assert line(holder.process) == "written"
    tell(holder.process, "leave")
    finish(holder.process)
    assert is_free(disk, "job")


def test_a_stopped_holder_of_a_lease_loses_it_and_cannot_write(disk: Store, root: Path) -> None:
    holder = HolderProcess(root, "job", ttl=0.5)
    holder.stop()
    with disk.lock("job", timeout=10) as held:
        assert held.token > holder.token
        disk.set("writer", "second", lease=held)
        holder.go_on()
        tell(holder.process, "write")
        assert line(holder.process) == f"lost to {held.token}"
        tell(holder.process, "leave")
        finish(holder.process)
        assert not is_free(disk, "job"), "the stale holder released what it had lost"
    assert disk.get("writer") == "second"


# -- many processes --------------------------------------------------------------------------------

_COUNT = """
import sys, fsstore
with fsstore.open(sys.argv[1]) as store:
    for _ in range(int(sys.argv[2])):
        with store.lock("count"):
            store.set("n", store.get("n") + 1)
"""


def test_no_update_is_lost(disk: Store, root: Path) -> None:
    disk.set("n", 0)
    each = 60 * ROUNDS
    for process in [start(_COUNT, root, each) for _ in range(4)]:
        finish(process, 60 * ROUNDS)
    assert disk.get("n") == 4 * each
    assert entries(root, locks.LOCKS) == []


_INTRUDE = """
import os, sys, fsstore
with fsstore.open(sys.argv[1]) as store:
    print("ready", flush=True)
    while True:
        with store.lock("job", ttl=float(sys.argv[2]) or None) as held:
            assert store.get("inside") < held.token, "a token came back"
            store.set("inside", held.token)
            for _ in range(20):
                assert store.get("inside") == held.token, "two were inside"
            store.set("turns", store.get("turns") + 1)
"""


def has_reached(store: Store, turns: int) -> bool:
    return bool(store.get("turns") >= turns)


@pytest.mark.parametrize("ttl", [0, 3600])
def test_exclusion_holds_while_holders_are_killed(disk: Store, root: Path, ttl: float) -> None:
    disk.set_many({"inside": 0, "turns": 0})
    killed = 0
    running = [start(_INTRUDE, root, ttl) for _ in range(3)]
    for process in running:
        assert line(process) == "ready"
    while killed < 6 * ROUNDS:
        enough = disk.get("turns") + 5
        until(partial(has_reached, disk, enough))  # they go on, within seconds of each kill
        holder = disk.locked_by("job")
        victim = next((each for each in running if holder is not None and each.pid == holder.pid), None)
        if victim is None:
            continue
        victim.kill()
        killed += 1
        running[running.index(victim)] = start(_INTRUDE, root, ttl)
    for process in running:
        process.kill()
        error = process.communicate()[1]
        assert "Error" not in error, error
    assert is_free(disk, "job", timeout=1)


# -- forked children -------------------------------------------------------------------------------


def test_a_child_locks_for_itself(disk: Store) -> None:
    def child() -> None:
        with disk.lock("other"):
            assert not is_free(disk, "other")
        assert not is_free(disk, "job")

    with disk.lock("job"):
        in_child(child)
    assert is_free(disk, "job")
    assert is_free(disk, "other")


def test_forking_while_threads_lock(disk: Store) -> None:
    """Children that live on keep nothing of what the parent's threads had locked at the instant of the fork."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def use(name: str) -> None:
        try:
            while not stop.is_set():
                with disk.lock(name, timeout=5, ttl=60) as held, disk._engine.fenced(held.claim):
                    pass
        except BaseException as error:
            failed.append(error)

    names = [f"job:{number}" for number in range(3)]
    threads = [threading.Thread(target=use, args=(name,)) for name in names]
    stay, leave = os.pipe()

    def child() -> None:
        os.close(leave)
        with within(20), disk.lock("child", timeout=20):
            pass
        os.read(stay, 1)

    for thread in threads:
        thread.start()
    try:
        children = [fork(child) for _ in range(25)]
        stop.set()
        for thread in threads:
            thread.join()
        assert not failed
        assert all(is_free(disk, name) for name in names)
    finally:
        stop.set()
        os.close(leave)
        os.close(stay)
        for pid in children:
            join(pid)


# -- files that others touch -----------------------------------------------------------------------


def test_nothing_is_left_of_released_locks(disk: Store, root: Path) -> None:
    with disk.lock("always"):
        for number in range(300):
            with disk.lock(f"job {number}", ttl=None if number % 2 else 60):
                pass
        assert entries(root, locks.LOCKS) == ["always"]
        assert len(entries(root, locks.HOLDERS)) == 2
    assert entries(root, locks.LOCKS) == []
    assert entries(root, locks.HOLDERS) == ["next"]


def test_what_killed_holders_left_is_swept(disk: Store, root: Path) -> None:
    holders = [HolderProcess(root, f"job {number}", ttl=60 * (number % 2)) for number in range(4)]
    for holder in holders[1:]:
        holder.kill()
    assert len(entries(root, locks.LOCKS)) == 4
    with fsstore.open(root) as other, other.lock("unrelated"):  # the first lock of a store sweeps
        assert entries(root, locks.LOCKS) == ["job 0", "unrelated"]
        assert len(entries(root, locks.HOLDERS)) == 3
    assert not is_free(disk, "job 0")


def test_who_sweeps_slowly_takes_a_free_name_from_nobody(
    disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process is stopped for longer than a guard is usually locked; nobody has the name meanwhile."""
    with disk.lock("first"):
        pass
    sweeper = lock(Tree(str(root)), os.fsencode(root / locks.LOCKS / "job"))
    assert sweeper is not None
    first, sound = time.monotonic(), FileLocks._noted

    def noted(self: FileLocks, path: bytes) -> Holding | None:
        if time.monotonic() - first > 3 * locks._INSTANT:
            sweeper.remove()
        return sound(self, path)

    monkeypatch.setattr(FileLocks, "_noted", noted)
    with disk.lock("job", timeout=0):
        assert not sweeper.is_ours


@pytest.mark.parametrize("what", [".fsstore", locks.LOCKS, locks.HOLDERS])
def test_who_held_while_a_person_deleted_the_files_cannot_write(disk: Store, root: Path, what: str) -> None:
    with disk.lock("job", ttl=600) as first:
        shutil.rmtree(root / what)
        with disk.lock("job", timeout=1) as second:
            assert second.token > first.token
            with pytest.raises(LeaseLost), disk._engine.fenced(first.claim):
                pytest.fail("a stale token wrote")
            first.release()
            with disk._engine.fenced(second.claim):
                assert not is_free(disk, "job")


def test_the_files_may_be_deleted_all_the_time(disk: Store, root: Path) -> None:
    stop = threading.Event()

    def delete() -> None:
        while not stop.is_set():
            shutil.rmtree(root / ".fsstore", ignore_errors=True)

    thread = threading.Thread(target=delete)
    thread.start()
    tokens = []
    try:
        with within(30):
            for _ in range(200):
                with disk.lock("job") as held:
                    tokens.append(held.token)
    finally:
        stop.set()
        thread.join()
    assert tokens == sorted(set(tokens))


def test_a_token_outlives_the_files_and_a_clock_set_back(disk: Store, root: Path) -> None:
    with disk.lock("job") as held:
        first = held.token
    (root / locks.HOLDERS / "next").write_text(f"{first + 10**12}\n")  # as if the clock had been two weeks ahead
    with disk.lock("other") as held:
        assert held.token == first + 10**12 + 1
    (root / locks.HOLDERS / "next").write_text("no number")
    with disk.lock("job") as held:
        assert held.token > first


@pytest.mark.parametrize("change", [{"boot": "another"}, {"pid": 1}, {"pid": os.getpid(), "token": 5}])
def test_a_lease_of_another_boot_and_a_process_number_that_came_back(
    disk: Store, root: Path, change: dict[str, str | int]
) -> None:
    """Neither the noted time of another boot nor a living process of the noted number holds a lock."""
    with disk.lock("job", ttl=600) as held:
        noted = locks._decoded((root / locks.LOCKS / "job").read_bytes())
        assert isinstance(noted, Holding)
        planted = locks._encoded(noted._replace(**change))  # type: ignore[arg-type]
        (root / locks.LOCKS / "job").write_bytes(planted)
        if "boot" not in change:
            held.claim.proof.remove()  # type: ignore[attr-defined]  # as if its process had died
        assert disk.locked_by("job") is None
        assert is_free(disk, "job")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"00000000 {}\n", b'{"token": 5}\n', b"\xff" * 5000])
def test_a_damaged_file_holds_nothing(disk: Store, root: Path, content: bytes) -> None:
    with disk.lock("first"):
        pass
    (root / locks.LOCKS / "job").write_bytes(content)
    assert disk.locked_by("job") is None
    assert is_free(disk, "job")


def test_no_link_is_followed(disk: Store, root: Path, scratch: Path) -> None:
    with disk.lock("first"):
        pass
    victim = scratch / "victim"
    victim.write_text("precious")
    (root / locks.LOCKS / "job").symlink_to(victim)
    with pytest.raises(fsstore.StorageFailure):
        disk.lock("job", timeout=0).__enter__()
    shutil.rmtree(root / locks.LOCKS)
    outside = scratch / "outside"
    outside.mkdir()
    (root / locks.LOCKS).symlink_to(outside)
    with pytest.raises(fsstore.StorageFailure):
        disk.lock("job", timeout=0).__enter__()
    assert victim.read_text() == "precious"
    assert list(outside.iterdir()) == []


def test_a_store_that_is_gone(disk: Store, root: Path) -> None:
    held = disk.lock("job").__enter__()
    root.rename(root.with_name("moved"))
    with pytest.raises(fsstore.StoreMissing):
        disk.locked_by("job")
    with pytest.raises(fsstore.StoreMissing):
        disk.lock("other").__enter__()
    held.release()
    assert not root.exists()


def test_closing_the_store_releases(root: Path) -> None:
    with fsstore.open(root) as store, fsstore.open(root) as other:
        held = store.lock("job").__enter__()
        store.close()
        assert is_free(other, "job")
        held.release()
        assert entries(root, locks.LOCKS) == []


def test_a_read_only_store_shows_the_holder(disk: Store, root: Path) -> None:
    with fsstore.open(root, read_only=True) as reader:
        assert reader.locked_by("job") is None
        with disk.lock("job") as held:
            holder = reader.locked_by("job")
        assert holder is not None
        assert holder.token == held.token
        with pytest.raises(fsstore.ReadOnly):
            reader.lock("job")


def test_no_descriptor_is_left(disk: Store) -> None:
    with disk.lock("job"):
        pass
    before = count()
    for _ in range(20):
        with disk.lock("job", ttl=60) as held, disk._engine.fenced(held.claim), pytest.raises(LockTimeout):
            disk.lock("job", timeout=0).__enter__()
    assert count() == before


def test_waiting_for_a_lease_takes_little_time_of_the_processor(disk: Store, root: Path) -> None:
    HolderProcess(root, "job", ttl=600)
    with paused:  # what earlier tests have left is not collected at this one's expense
        used = time.process_time()
        assert not is_free(disk, "job", timeout=1)
        assert time.process_time() - used < 0.3
