"""A logbook keeps every entry of every writer, in the order of time, a file for each."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValues, InvalidName, LogEntry, NotFound, Store
from fsstore.recipes import ulids

LIMIT = 60  # seconds in which what is to happen happens on any machine
DAY = 86_400


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in which entries are appended: the first item, in seconds since 1970."""
    now = [datetime(2026, 11, 24, 23, 59, tzinfo=UTC).timestamp()]
    monkeypatch.setattr(ulids, "_mints", {})
    monkeypatch.setattr(time, "time_ns", lambda: int(now[0] * 1e9))
    return now


@pytest.fixture
def week(store: Store, clock: list[float]) -> list[str]:
    """The ids of seven entries in the logbook ``log``, one a day; their values are their numbers."""
    ids = []
    for number in range(7):
        ids.append(store.logbook("log").append(number))
        clock[0] += DAY
    return ids


def values(entries: Iterator[LogEntry]) -> list[Any]:
    return [entry.value for entry in entries]


def test_an_entry_is_a_key_of_its_day(store: Store, clock: list[float]) -> None:
    first = store.logbook("audit:login").append({"who": "Ada"})
    clock[0] += 120
    second = store.logbook("audit:login").append(None)
    assert store.list_keys() == [f"audit:login:2026-11-24:{first}", f"audit:login:2026-11-25:{second}"]
    assert [*store.logbook("audit:login").entries()] == [
        LogEntry(first, "2026-11-24T23:59:00.000000+00:00", {"who": "Ada"}),
        LogEntry(second, "2026-11-25T00:01:00.000000+00:00", None),
    ]


def test_entries_of_one_process_are_in_the_order_in_which_they_were_appended(store: Store) -> None:
    log = store.logbook("log")
    ids = [log.append(number) for number in range(300)]
    assert [(entry.id, entry.value) for entry in log.entries()] == list(zip(ids, range(300), strict=True))
    assert values(log.entries(reverse=True)) == list(reversed(range(300)))
    assert log.count() == 300


@pytest.mark.usefixtures("week")
def test_a_part_of_the_entries(store: Store, week: list[str]) -> None:
    log = store.logbook("log")
    assert values(log.entries(limit=2)) == [0, 1]
    assert values(log.entries(after=week[4])) == [5, 6]
    assert values(log.entries(after=week[1], limit=2)) == [2, 3]
    assert values(log.entries(reverse=True, limit=2)) == [6, 5]
    assert values(log.entries(after=week[2], reverse=True)) == [1, 0]
    assert values(log.entries(limit=0)) == values(log.entries(after=week[6])) == []
    with pytest.raises(ValueError, match="limit=-1"):
        log.entries(limit=-1)


def test_one_entry(store: Store, week: list[str]) -> None:
    log = store.logbook("log")
    assert log.get(week[3]).value == 3
    with pytest.raises(NotFound):
        log.get(ulids.make())
    for bad in ("", "x", "../../../etc/passwd", week[3].lower(), week[3] + "0", "8" + week[3][1:], 7):
        with pytest.raises(InvalidName, match="no id of an entry"):
            log.get(bad)  # type: ignore[arg-type]
        with pytest.raises(InvalidName, match="no id of an entry"):
            log.entries(after=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("reverse", [False, True])
def test_entries_are_read_when_their_turn_comes(store: Store, week: list[str], reverse: bool) -> None:
    """What goes meanwhile is not told, and what is not reached is not read."""
    found = store.logbook("log").entries(reverse=reverse)
    next(found)
    assert store.logbook("log").trim(keep=0) == 7
    assert len(list(found)) < 7
    assert store.logbook("log").count() == 0


@pytest.mark.usefixtures("week")
def test_what_else_lies_there_is_no_entry(store: Store) -> None:
    log = store.logbook("log")
    others = ["log", "log2:2026-11-24:x", "log:note", "log:2026-11-24:note", "log:2026-11-24:01ARYZ6S41"]
    store.set_many(dict.fromkeys(others, "no entry"))
    nested = store.logbook("log:2026-11-24").append("nested")
    assert (values(log.entries()), values(log.entries(reverse=True)), log.count()) == (
        [*range(7)],
        [*range(6, -1, -1)],
        7,
    )
    assert log.trim(keep=0) == 7
    assert store.get_many(others) == dict.fromkeys(others, "no entry")
    assert store.logbook("log:2026-11-24").get(nested).value == "nested"


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"keep": 3}, [4, 5, 6]),
        ({"keep": 7}, [0, 1, 2, 3, 4, 5, 6]),
        ({"keep": 99}, [0, 1, 2, 3, 4, 5, 6]),
        ({"keep": 0}, []),
        ({"before": "2026-11-27"}, [3, 4, 5, 6]),
        ({"before": "2026-11-27T23:58:59"}, [3, 4, 5, 6]),
        ({"before": datetime(2026, 11, 27, 23, 59, tzinfo=UTC)}, [3, 4, 5, 6]),
        ({"before": datetime(2026, 11, 27, 23, 59, tzinfo=UTC) + timedelta(seconds=1)}, [4, 5, 6]),
        ({"before": "1970-01-01"}, [0, 1, 2, 3, 4, 5, 6]),
        ({"before": "1950-01-01"}, [0, 1, 2, 3, 4, 5, 6]),
        ({"keep": 5, "before": "2026-11-25"}, [2, 3, 4, 5, 6]),
        ({"keep": 5, "before": "2026-11-28"}, [4, 5, 6]),
    ],
    ids=str,
)
@pytest.mark.usefixtures("week")
def test_trim_deletes_the_oldest(store: Store, options: dict[str, Any], left: list[int]) -> None:
    assert store.logbook("log").trim(**options) == 7 - len(left)
    assert values(store.logbook("log").entries()) == left


def test_trim_wants_a_limit(store: Store) -> None:
    for options in ({}, {"keep": -1}, {"before": "yesterday"}):
        with pytest.raises(ValueError, match=r"keep=|yesterday"):
            store.logbook("log").trim(**options)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_broken_file_is_told_at_the_end_and_harms_no_other(tmp_path: Path, reverse: bool) -> None:
    with fsstore.open(tmp_path / "s") as store:
        log = store.logbook("log")
        ids = [log.append(number) for number in range(4)]
        (bad,) = (tmp_path / "s/default/log").glob(f"*/{ids[1]}.json")
        bad.write_text("{")
        wanted = [0, 2, 3][:: -1 if reverse else 1]
        found = log.entries(reverse=reverse)
        assert [next(found).value for _ in wanted] == wanted
        with pytest.raises(BadValues, match=ids[1]):
            next(found)
        assert values(log.entries(reverse=reverse, errors="skip")) == wanted
        assert (log.count(), log.trim(keep=0)) == (4, 4)


def test_a_person_finds_the_day_and_may_edit_and_delete_entries(tmp_path: Path, clock: list[float]) -> None:
    with fsstore.open(tmp_path / "s") as store:
        ids = [store.logbook("log").append({"n": number}) for number in range(3)]
        day = tmp_path / "s/default/log/2026-11-24"
        assert sorted(path.name for path in day.iterdir()) == [f"{each}.json" for each in ids]
        (day / f"{ids[0]}.json").unlink()
        (day / f"{ids[1]}.json").write_text('"edited"')
        assert values(store.logbook("log").entries()) == ["edited", {"n": 2}]


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    """Four processes with four threads each."""
    code = f"""
import sys, threading, fsstore
store = fsstore.open({str(tmp_path / "s")!r}, git=False)
sys.stdin.readline()
def write(thread):
    for number in range(25):
        store.logbook("log").append([sys.argv[1], thread, number])
threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
[each.start() for each in threads]; [each.join() for each in threads]
"""
    fsstore.open(tmp_path / "s", git=False).close()
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], stdin=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    for writer in writers:
        writer.communicate("\n")
        assert writer.returncode == 0
    with fsstore.open(tmp_path / "s", git=False) as store:
        found = [tuple(entry.value) for entry in store.logbook("log").entries()]
    assert sorted(found) == sorted((str(p), t, n) for p in range(4) for t in range(4) for n in range(25))
    for process, thread in {(process, thread) for process, thread, _ in found}:
        assert [number for p, t, number in found if (p, t) == (process, thread)] == list(range(25))


def test_two_branches_merge_without_a_conflict(tmp_path: Path) -> None:
    root = tmp_path / "s"

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.hooksPath=/dev/null"]
        done = subprocess.run(["git", "-C", str(root), *identity, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def append(*numbers: int) -> None:
        with fsstore.open(root, agent="a") as store:
            for number in numbers:
                store.logbook("log").append(number)
            store.append("list", numbers)  # what a list in one file would come to
            store.snapshot()

    append(0)
    main = git("symbolic-ref", "--short", "HEAD").strip()
    git("switch", "-qc", "other")
    append(1, 2)
    git("switch", "-q", main)
    append(3, 4)
    merged = subprocess.run(
        ["git", "-C", str(root), "merge", "--no-commit", "--no-ff", "other"],
        capture_output=True,
        text=True,
        env=os.environ | {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "Ada"},
    )
    assert merged.returncode == 1, "the list in one file is what conflicts"
    assert git("diff", "--name-only", "--diff-filter=U").split() == ["default/list.json"]
    git("checkout", "--ours", "default/list.json")
    git("add", "default/list.json")
    git("commit", "-qm", "merged")
    with fsstore.open(root) as store:
        assert sorted(values(store.logbook("log").entries())) == [0, 1, 2, 3, 4]
        assert not list(store.doctor())


def test_who_follows_is_told_each_entry(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "s", git=False) as store:
        log = store.logbook("log")
        log.append(0)
        seen: list[Any] = []
        enough = threading.Event()

        def callback(event: fsstore.Event) -> None:
            if event.kind == "created":
                seen.append(event.value)
                if len(seen) == 51:
                    enough.set()

        with log.follow(callback=callback, replay=True):
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(log.append, range(1, 51)))
            assert enough.wait(LIMIT)
    assert sorted(seen) == list(range(51))


def test_awaited(store: Store) -> None:
    async def all_of_it() -> list[Any]:
        log = store.aio.logbook("log")
        first = await log.append("first")
        async with log.follow() as subscription:
            await log.append("second")
            async for event in subscription:
                followed = event.value
                break
        found = [entry.value async for entry in log.entries(after=first)]
        return [followed, found, await log.count(), (await log.get(first)).value, await log.trim(keep=1)]

    assert asyncio.run(all_of_it()) == ["second", ["second"], 2, "first", 1]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_broken_file_beside_the_entries_is_none_of_them(tmp_path: Path, reverse: bool) -> None:
    with fsstore.open(tmp_path / "s", git=False) as store:
        book = store.logbook("l")
        id = book.append(1)
        (tmp_path / "s/default/l/notes.json").write_text("{")
        assert [entry.id for entry in book.entries(reverse=reverse)] == [id]
        store.set("l:2026-01-01", 5)
        assert [entry.id for entry in book.entries(reverse=reverse)] == [id]
