"""Who wrote a record and when, told to people: an agent's name stands for what that agent wrote alone."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import fsstore
from fsstore import Record, Store
from fsstore.engines.files import journal


def edit(root: Path, text: str, *, name: str = "k", seconds_ago: float = 100) -> str:
    """A person's save of key ``name`` some time ago; the time as a record tells it."""
    path = root / "default" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = path.stat().st_mtime - seconds_ago
    os.utime(path, (then, then))
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="microseconds")


def authors(record: Record) -> tuple[str | None, str | None]:
    return record.created_by, record.updated_by


def test_an_agents_write(disk: Store, root: Path) -> None:
    before = datetime.now(UTC).isoformat(timespec="microseconds")
    disk.set("k", 1)
    first = disk.info("k")
    disk.handle(agent="other").set("k", 2)
    second = disk.info("k")
    after = datetime.now(UTC).isoformat(timespec="microseconds")
    assert authors(first) == ("tester", "tester")
    assert authors(second) == ("tester", "other")
    assert before <= first.created_at == first.updated_at == second.created_at < second.updated_at <= after
    assert first.revision != second.revision
    assert (second.size, second.path) == (2, str(root / "default" / "k.json"))


def test_a_persons_edit(disk: Store, root: Path) -> None:
    disk.set("k", "agent's")
    before = disk.info("k")
    when = edit(root, '"a person\'s"')
    after = disk.info("k")
    assert after.value == "a person's"
    assert (after.updated_at, after.updated_by) == (when, None)
    assert after.created_by == "tester"
    assert after.revision != before.revision
    assert after.created_at <= after.updated_at


@pytest.mark.parametrize("writers", [("tester", "other"), ("tester", "other", "third"), ("other", "tester")])
def test_a_person_brings_back_what_an_agent_had_written(disk: Store, root: Path, writers: tuple[str, ...]) -> None:
    for agent in writers:
        disk.handle(agent=agent).set("k", agent)
    when = edit(root, f'"{writers[0]}"\n')
    record = disk.info("k")
    assert record.value == writers[0]
    assert (record.updated_at, record.updated_by) == (when, None)


def test_an_agent_writes_after_a_person(disk: Store, root: Path) -> None:
    when = edit(root, '"by hand"')
    made = disk.info("k")
    assert (made.created_at, made.created_by, made.updated_at, made.updated_by) == (when, None, when, None)
    disk.set("k", "agent's")
    record = disk.info("k")
    assert authors(record) == (None, "tester")
    assert record.created_at == when
    assert record.updated_at > when
    edit(root, '"by hand"')
    assert authors(disk.info("k")) == (None, None)


def test_a_key_made_anew_has_a_new_maker(disk: Store, root: Path) -> None:
    disk.set("k", 1)
    old = disk.info("k")
    disk.delete("k")
    disk.handle(agent="other").set("k", 1)
    new = disk.info("k")
    assert authors(new) == ("other", "other")
    assert new.created_at > old.created_at
    disk.delete("k")
    edit(root, "1")
    assert authors(disk.info("k")) == (None, None)


def test_metadata_alone_is_an_update(disk: Store) -> None:
    disk.set("k", 1)
    disk.handle(agent="other").set("k", 1, {"checked": True})
    assert authors(disk.info("k")) == ("tester", "other")
    disk.handle(agent="third").set("k", 1)
    assert authors(disk.info("k")) == ("tester", "other"), "an equal value is not written, by nobody"


def test_a_program_without_a_name(root: Path) -> None:
    with fsstore.open(root) as store:
        store.set("k", 1)
        assert authors(store.info("k")) == (None, None)


def test_the_journal_deleted(disk: Store, root: Path) -> None:
    disk.set("k", 1)
    mtime = (root / "default" / "k.json").stat().st_mtime
    shutil.rmtree(root / ".fsstore" / "journal")
    record = disk.info("k")
    assert authors(record) == (None, None)
    assert record.updated_at == datetime.fromtimestamp(mtime, UTC).isoformat(timespec="microseconds")
    disk.set("k", 2)
    assert authors(disk.info("k")) == (None, "tester")


def test_a_store_moved_elsewhere(scratch: Path, root: Path) -> None:
    with fsstore.open(root, agent="tester") as store:
        store.set_many({f"k{number}": 1 for number in range(30)})
    root.rename(scratch / "elsewhere")
    with fsstore.open(scratch / "elsewhere") as store:
        assert {authors(store.info(f"k{number}")) for number in range(30)} == {("tester", "tester")}


GARBAGE = {
    "torn line": b'\n{"op":"update","path":"default/k.json","revis',
    "binary": b"\n\x00\xff\xfe\x00 not json at all" * 20,
    "other JSON": b'\n[1,2]\n"default/k.json"\n7\nnull',
    "unknown fields": b'\n{"op":"update","path":"default/k.json","later":1}',
    "wrong types": b'\n{"op":"create","path":"default/k.json","revision":7,"mtime_ns":"x","was":"y","agent":[1],'
    b'"run":null,"time":"now"}',
    "impossible time": b'\n{"op":"create","path":"default/k.json","revision":null,"mtime_ns":null,"was":null,'
    b'"agent":"x","run":null,"time":1e300}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_journal_spoils_nothing(disk: Store, root: Path, name: str) -> None:
    disk.set("k", 1)
    disk.handle(agent="other").set("k", 2)
    for file in (root / ".fsstore" / "journal").iterdir():
        file.write_bytes(file.read_bytes() + GARBAGE[name])
    assert disk.info("k").value == 2
    assert authors(disk.info("k")) == ("tester", "other")
    disk.handle(agent="third").set("k", 3)
    assert authors(disk.info("k")) == ("tester", "third")


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_about_a_persons_file(disk: Store, root: Path, name: str) -> None:
    disk.set_many({f"key-{number}": 1 for number in range(200)})
    when = edit(root, "1")
    for file in (root / ".fsstore" / "journal").iterdir():
        file.write_bytes(GARBAGE[name])
    record = disk.info("k")
    assert (record.value, record.updated_at, record.updated_by) == (1, when, None)
    assert isinstance(record.created_at, str)


def compact_at(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(journal, "_COMPACT_AT", size)
    monkeypatch.setattr(journal, "_LOOK_EVERY", 1)


def test_compaction_keeps_origins(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact_at(monkeypatch, 300)
    edit(root, '"by hand"', name="hand")
    disk.handle(agent="maker").set_many({f"k{number}": 0 for number in range(200)})
    disk.set("gone", 1)
    disk.delete("gone")
    for number in range(1, 10):
        for key in ("k0", "k1", "hand"):
            disk.handle(agent=f"agent-{number}").set(key, number)
    assert authors(disk.info("k0")) == ("maker", "agent-9")
    assert authors(disk.info("hand")) == (None, "agent-9")
    assert {authors(disk.info(f"k{number}")) for number in range(2, 200)} == {("maker", "maker")}
    edit(root, "8\n", name="k1")
    assert authors(disk.info("k1")) == ("maker", None)
    assert os.listdir(root / ".fsstore" / "tmp") == []


def test_the_write_that_compacts_is_not_forgotten(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact_at(monkeypatch, 0)
    for number in range(20):
        disk.handle(agent=f"maker-{number}").set(f"k{number}", 1)
        assert authors(disk.info(f"k{number}")) == (f"maker-{number}",) * 2
        disk.delete(f"k{number}")
        disk.handle(agent="again").set(f"k{number}", 1)
        assert authors(disk.info(f"k{number}")) == ("again", "again")


def test_compaction_bounds_the_journal(disk: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact_at(monkeypatch, 2000)
    for number in range(300):
        disk.set("k", number)
    sizes = [file.stat().st_size for file in (root / ".fsstore" / "journal").iterdir()]
    assert max(sizes) < 2500
    assert disk.info("k").created_by == "tester"


@pytest.mark.parametrize("seconds", [-1.0e6, 0, 1.0e10, 1.0e13])
def test_odd_file_times(disk: Store, root: Path, seconds: float) -> None:
    """Times before 1970, far ahead, and beyond what a date can be."""
    path = root / "default" / "k.json"
    edit(root, "1")
    os.utime(path, (seconds, seconds))
    record = disk.info("k")
    assert record.value == 1
    assert record.updated_by is None
    assert isinstance(record.updated_at, str)
    disk.set("k", 2)
    assert disk.info("k").updated_by == "tester"
    assert disk.get_all() == {"k": 2}
