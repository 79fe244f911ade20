"""What is observed where the kernel does not help: it is polled, the reason is told, and nothing is missed."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files.watching import inotify, ways
from fsstore.engines.files.watching.inotify import Inotify, LimitReached
from fsstore.engines.files.watching.ways import why_polled

from .mounts import served_disk
from .recorder import Recorder
from .test_hub import save, wait_until


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many directories the kernel watches; it can be raised."""
    most, watched = [3], set[int]()
    sound = Inotify.add

    def add(self: Inotify, directory: bytes, fd: int) -> int:
        number = sound(self, directory, fd)
        if number not in watched:
            if len(watched) >= most[0]:
                self.remove(number)
                raise LimitReached(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fsdecode(directory))
            watched.add(number)
        return number

    monkeypatch.setattr(Inotify, "add", add)
    return most


def test_directories_over_the_limit_are_polled(
    disk: fsstore.Store, root: Path, limit: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    disk.set_many({f"d{number}:k": number for number in range(6)})
    with caplog.at_level(logging.WARNING, "fsstore"):
        watcher = Recorder(disk)
    assert "fs.inotify.max_user_watches" in caplog.text
    status = watcher.feed.status()
    assert (status.mode, len(status.unwatched)) == ("inotify", 5)
    for number in range(6):
        save(root / "default" / f"d{number}" / "k.json", str(number + 10))
        save(root / "default" / f"d{number}" / "below" / "new.json", "1")
    told = watcher.told()
    assert sum(line.startswith("updated") for line in told) == 6
    assert sum(line.startswith("created") for line in told) == 6


def test_they_are_polled_without_being_asked(disk: fsstore.Store, root: Path, limit: list[int]) -> None:
    disk.set_many({f"d{number}:k": number for number in range(6)})
    watcher = Recorder(disk)
    for number in range(6):
        save(root / "default" / f"d{number}" / "k.json", str(number + 10))
    wait_until(lambda: len(watcher._events) == 6)


def test_when_there_is_room_again_they_are_watched(disk: fsstore.Store, root: Path, limit: list[int]) -> None:
    disk.set_many({f"d{number}:k": number for number in range(6)})
    watcher = Recorder(disk)
    limit[0] = 100
    wait_until(lambda: not watcher.feed.status().unwatched)
    save(root / "default" / "d5" / "k.json", "7")
    assert watcher.told() == ["updated default/d5:k 7 by a person"]


def test_no_instance_of_inotify(
    disk: fsstore.Store, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when a user has 128 of them; the file system says so, and that is logged."""

    def none() -> Inotify:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "inotify")

    monkeypatch.setattr(ways, "Inotify", none)
    with caplog.at_level(logging.WARNING, "fsstore"):
        watcher = Recorder(disk)
    assert "Too many open files" in caplog.text
    assert "Too many open files" in watcher.feed.status().reason
    save(root / "default" / "a.json", "1")
    wait_until(lambda: len(watcher._events) == 1)


def test_a_file_system_that_others_may_change_unheard(scratch: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        served_disk("files.foldfs", scratch / "fuse") as disk,
        caplog.at_level(logging.WARNING, "fsstore"),
        fsstore.open(disk / "store", "agent") as store,
    ):
        watcher = Recorder(store)
        assert watcher.feed.status().mode == "polling"
        assert "fuse" in caplog.text
        store.set("a", 1)
        save(disk / "store" / "default" / "b.json", "2")
        assert sorted(watcher.told()) == ["created default/a 1 by agent", "created default/b 2 by a person"]


TABLE = """\
22 1 0:21 / / rw - ext4 /dev/sda rw
30 22 0:30 / /mnt/my\\040files rw,relatime shared:3 - nfs4 host:/x rw
31 30 0:31 / /mnt/my\\040files/local rw - tmpfs tmpfs rw
32 22 0:32 / /home/ann/remote rw - fuse.sshfs ann@host: rw
33 22 0:33 / /mnt/windows rw - fuseblk /dev/sdb rw
torn
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/mnt/my files/store", "nfs4"),
        ("/mnt/my files/local/store", ""),
        ("/mnt/my filesystem", ""),
        ("/home/ann/remote", "fuse.sshfs"),
        ("/mnt/windows/store", ""),
        ("/anywhere", ""),
    ],
)
def test_which_file_systems(tmp_path: Path, directory: str, kind: str) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    reason = why_polled(directory, str(table))
    assert (kind in reason) if kind else reason == ""


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert why_polled("/", str(tmp_path / "none")) == ""


def test_what_is_used_of_watchdog() -> None:
    """Three calls with the C library's signatures: the number of a watch, or -1 and the reason in errno."""
    from watchdog.observers import inotify_c

    assert inotify.calls() == (inotify_c.inotify_init, inotify_c.inotify_add_watch, inotify_c.inotify_rm_watch)
    for make, add, remove in (inotify.calls(), inotify.bound_here()):
        fd = make()
        assert fd >= 0
        try:
            number = add(fd, b"/", inotify.CREATE)
            assert number > 0
            assert add(fd, b"/", inotify.CREATE) == number
            assert remove(fd, number) == 0
            assert add(fd, b"/nothing/there", inotify.CREATE) == -1
        finally:
            os.close(fd)


def test_a_directory_that_is_not_there() -> None:
    notifier = Inotify()
    try:
        with pytest.raises(FileNotFoundError):
            notifier.add(b"/nothing/there", -1)
    finally:
        notifier.close()


def test_without_watchdogs_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchdog.observers import inotify_c

    monkeypatch.delattr(inotify_c, "inotify_init")
    make, _, _ = inotify.calls()
    assert make is not None
    os.close(make())
