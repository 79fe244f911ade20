"""Reading on in journals that others write, compact and remove: each line is read once, and none is passed over."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import fsstore
from fsstore.engines.files import journal
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.watching import authors, reconcile, tails
from fsstore.engines.files.watching.authors import Writers, Written
from fsstore.engines.files.watching.directories import signature
from fsstore.engines.files.watching.reconcile import Reconciler
from fsstore.engines.files.watching.tails import Tail

from .recorder import Recorder

NAME = "journal"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with one line."""
    path = tmp_path / NAME
    path.write_bytes(line(1.0))
    return path


@pytest.fixture
def tail(file: Path) -> Iterator[Tail]:
    """Who reads on in it."""
    made = Tail(Tree(str(file.parent)), NAME)
    made.pass_over(1.0)
    yield made
    made.close()


def line(time: float, path: str = "ns/key.json") -> bytes:
    """As it is appended."""
    return b"\n" + orjson.dumps(
        {"op": "update", "path": path, "revision": "0", "agent": "a", "run": None, "time": time}
    )


def add(file: Path, raw: bytes) -> None:
    """Append it."""
    with file.open("ab") as opened:
        opened.write(raw)


def compact(file: Path, lines: bytes) -> None:
    """Put another file in its place, which begins with these lines."""
    staged = file.with_name("staged")
    staged.write_bytes(b'{"compacted":%d}' % len(lines) + lines)
    os.replace(staged, file)


def times(tail: Tail) -> list[float]:
    """Of the lines that were added."""
    return [float(each["time"]) for each in tail.lines()]


def test_each_line_is_read_once(tail: Tail, file: Path) -> None:
    assert times(tail) == []
    add(file, line(2.0) + line(3.0))
    assert times(tail) == [2.0, 3.0]
    add(file, line(4.0))
    assert times(tail) == [4.0]
    assert times(tail) == []


def check_halves(tail: Tail, file: Path) -> None:
    """A reader may come between two pages of one write, wherever that is."""
    for at in range(1, len(line(2.0, "ns/}.json"))):
        raw = line(1.0 + at, "ns/}.json")
        add(file, raw[:at])
        assert times(tail) == []
        add(file, raw[at:])
        assert times(tail) == [1.0 + at]


def test_half_a_line_is_read_when_it_is_whole(tail: Tail, file: Path) -> None:
    check_halves(tail, file)


class Skipping(Tail):
    """A flaw: what was read was read."""

    __slots__ = ()

    def _take(self, raw: bytes, found: list[tails.Line]) -> None:
        at = self._at
        super()._take(raw, found)
        self._at = at + len(raw)


def test_a_flaw_that_passes_over_halves_is_noticed(file: Path) -> None:
    flawed = Skipping(Tree(str(file.parent)), NAME)
    flawed.pass_over(1.0)
    with pytest.raises(AssertionError):
        check_halves(flawed, file)
    flawed.close()


def test_a_quick_look_is_completed_by_the_next(file: Path) -> None:
    """The file was replaced after its last line: a quick look has that line, the next one what is in the new file."""
    tail = Tail(Tree(str(file.parent)), NAME)
    tail.pass_over(0.0)
    with file.open("ab") as old:
        old.write(b'\n{"path":"a","time":1.0}')
    assert [line["time"] for line in tail.lines(quick=True)] == [1.0]
    with file.open("ab") as old:
        old.write(b'\n{"path":"a","time":2.0}')
    file.with_name("new").write_bytes(file.read_bytes() + b'\n{"path":"a","time":3.0}')
    file.with_name("new").rename(file)
    assert [line["time"] for line in tail.lines(quick=True)] == [2.0]
    assert 3.0 in [line["time"] for line in tail.lines()]
    tail.close()


def test_who_begins_in_the_middle_of_a_line_reads_it(file: Path) -> None:
    raw = line(2.0)
    add(file, raw[:30])
    made = Tail(Tree(str(file.parent)), NAME)
    made.pass_over(1.0)
    add(file, raw[30:])
    assert times(made) == [2.0]
    made.close()


def test_a_torn_line_spoils_no_other(tail: Tail, file: Path) -> None:
    add(file, line(2.0)[:30])
    assert times(tail) == []
    add(file, line(3.0))
    assert times(tail) == [3.0]


def test_a_line_of_any_length(tail: Tail, file: Path) -> None:
    add(file, line(2.0, "x" * 1_000_000))
    add(file, line(3.0))
    assert times(tail) == [2.0, 3.0]


def test_in_a_compacted_journal_nothing_is_read_again(tail: Tail, file: Path) -> None:
    add(file, line(2.0))
    assert times(tail) == [2.0]
    add(file, line(3.0))  # nobody has looked meanwhile
    compact(file, line(1.0) + line(2.0) + line(3.0))
    add(file, line(4.0))
    assert times(tail) == [3.0, 4.0]


def check_same_tick(tail: Tail, file: Path) -> None:
    """Lines of one time of the clock, of which some came between two compactings that nobody has seen."""
    add(file, line(2.0, "ns/a.json"))
    assert times(tail) == [2.0]
    compact(file, line(3.0, "ns/c.json") + line(2.0, "ns/a.json") + line(2.0, "ns/b.json"))  # whose order is another
    add(file, line(3.0, "ns/d.json"))
    assert [each["path"] for each in tail.lines()] == ["ns/c.json", "ns/b.json", "ns/d.json"]
    compact(file, line(3.0, "ns/d.json") + line(2.0, "ns/b.json") + line(3.0, "ns/c.json") + line(3.0, "ns/e.json"))
    assert [each["path"] for each in tail.lines()] == ["ns/e.json"]


def test_of_lines_of_one_tick_each_is_read_once(tail: Tail, file: Path) -> None:
    check_same_tick(tail, file)


class Later(Tail):
    """A flaw: only what is later than all that was read is new in a compacted journal."""

    __slots__ = ()

    def _add(self, line: tails.Line, after: float, found: list[tails.Line]) -> None:
        if line["time"] != after:
            super()._add(line, after, found)


def test_a_flaw_that_takes_only_what_is_later_is_noticed(file: Path) -> None:
    flawed = Later(Tree(str(file.parent)), NAME)
    flawed.pass_over(1.0)
    with pytest.raises(AssertionError):
        check_same_tick(flawed, file)
    flawed.close()


def test_what_came_after_the_compacting_counts_though_the_clock_was_set_back(tail: Tail, file: Path) -> None:
    add(file, line(1000.0))
    assert times(tail) == [1000.0]
    compact(file, line(1000.0))
    add(file, line(5.0))
    assert times(tail) == [5.0]


def test_a_torn_end_of_a_file_that_is_no_more_is_left(tail: Tail, file: Path) -> None:
    add(file, line(2.0)[:30])
    assert times(tail) == []
    compact(file, line(1.0))
    add(file, line(3.0))
    assert times(tail) == [3.0]


def test_a_journal_that_is_removed_and_begun_anew(tail: Tail, file: Path) -> None:
    file.unlink()
    assert times(tail) == []
    file.write_bytes(line(2.0))
    assert times(tail) == [2.0]


def test_a_copy_that_is_put_in_the_place_of_a_journal_that_was_moved_away(tail: Tail, file: Path) -> None:
    add(file, line(2.0))
    assert times(tail) == [2.0]
    moved = file.rename(file.with_name("moved"))
    assert not tail.is_elsewhere()  # there is none
    file.write_bytes(moved.read_bytes() + line(3.0)[:30])
    assert tail.is_elsewhere()
    tail.go_over()
    assert not tail.is_elsewhere()
    assert times(tail) == []
    add(file, line(3.0)[30:] + line(4.0))
    add(moved, line(5.0))
    assert times(tail) == [3.0, 4.0]


def test_a_journal_that_cannot_be_read(tail: Tail, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.unlink()
    file.symlink_to(__file__)
    assert times(tail) == times(tail) == []
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["who wrote what cannot be told"]
    file.unlink()
    file.write_bytes(line(2.0))
    assert times(tail) == [2.0]


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@linux
def test_journals_that_are_compacted_all_the_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COMPACT_AT", 300)
    monkeypatch.setattr(journal, "_LOOK_EVERY", 1)
    with fsstore.open(root, agent="tester") as disk:
        watcher = Recorder(disk)
        for number in range(200):
            disk.set("a", number)
        events = watcher.events()
        assert events[-1].value == 199
        assert {(event.source.agent, event.own) for event in events} == {("tester", True)}


@linux
def test_without_a_journal_it_is_not_known_who_wrote(root: Path) -> None:
    """And that is all: everything else is told."""
    with fsstore.open(root, agent="tester") as disk:
        disk.set("a", 1)
        watcher = Recorder(disk)
        for each in (root / ".fsstore" / "journal").iterdir():
            each.unlink()
        (root / ".fsstore" / "journal").rmdir()
        (root / ".fsstore" / "journal").write_text("in the way")
        (root / "default" / "a.json").unlink()
        assert watcher.told() == ["deleted default/a by a person"]
        assert watcher.ended == []
        (root / ".fsstore" / "journal").unlink()
        disk.set("a", 2)
        assert watcher.told() == ["created default/a 2 by tester"]


def test_a_journal_that_goes_bad_while_it_is_open(
    tail: Tail, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one does that another machine has replaced: what is new is in the file that lies there now."""
    add(file, line(2.0))

    def stale(*_: int) -> bytes:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", stale)
        assert tail.lines() == tail.lines() == []
    assert caplog.text.count(f"/{NAME}: who wrote what cannot be told") == 1
    add(file, line(3.0))
    assert [each["time"] for each in tail.lines()] == [2.0, 3.0]
    assert tail.lines() == []


@linux
def test_of_a_commit_of_any_size_each_change_is_its_writers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines of a commit are written before its first file: none is forgotten until its own has come."""
    monkeypatch.setattr(authors, "_KEPT", 10)
    with fsstore.open(root, agent="tester") as disk:
        watcher = Recorder(disk)
        disk.set_many({f"k{number}": number for number in range(1000)})
        events = watcher.events()
        assert len(events) == 1000
        assert {(event.source.agent, event.own) for event in events} == {("tester", True)}


@linux
def test_what_nobody_comes_for_is_forgotten(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authors, "_KEPT", 10)
    monkeypatch.setattr(authors, "_LONG_AGO", 0.0)
    with fsstore.open(root, agent="tester") as disk:
        watcher = Recorder(disk)
        with watcher.paused():
            for number in range(1000):
                disk.set(f"deep{number}:key", number)
                disk.delete(f"deep{number}:key")  # with its directory, before anybody has looked
        watcher.events()
        disk.set_many({f"k{number}": number for number in range(1000)})  # somebody reads on in all journals
        watcher.events()
        assert len(watcher.feed._hub._writers.waiting) < 1000  # type: ignore[attr-defined]
        assert watcher.feed._hub._noted == {}  # type: ignore[attr-defined]


@linux
@pytest.mark.parametrize("is_flawed", [False, True])
def test_a_file_that_is_replaced_while_it_is_read_is_nobodys(
    root: Path, monkeypatch: pytest.MonkeyPatch, is_flawed: bool
) -> None:
    """Its journal has forgotten who wrote it when it is asked: what counts is the file that came after it."""
    with fsstore.open(root, agent="tester") as disk:
        watcher = Recorder(disk)
        sound, asked = Writers.of, list[str]()

        def of(self: Writers, path: str, revision: str | None, mtime: float) -> Written | None:
            asked.append(path)
            if len(asked) > 1:
                return sound(self, path, revision, mtime)
            disk.set("a", 2)
            return None

        # a file system whose ticks are long: that the file has gone shows in no time of it
        monkeypatch.setattr(reconcile, "signature", lambda status: signature(status)[:16] + signature(status)[24:] * 2)
        monkeypatch.setattr(Writers, "newest", lambda *_: None)
        monkeypatch.setattr(Writers, "of", of)
        # nor is it held back as a young one, which one tick later is looked at anew
        monkeypatch.setattr(Reconciler, "_is_whole", lambda *_: True)
        if is_flawed:
            monkeypatch.setattr(Reconciler, "_is_in_place", lambda *_: True)
        disk.set("a", 1)
        told = watcher.events()
        while not told or told[-1].value != 2:  # which was set after the first question
            told += watcher.events()
        found = [(event.value, event.source.agent, event.own) for event in told]
        assert (found == [(2, "tester", True)]) is not is_flawed, (found, asked)
