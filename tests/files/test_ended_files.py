"""Files of keys that have ended by themselves: restored, taken back, swept, and looked at in the middle of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Conflict, ReadOnly, Store
from fsstore.engines.files.carrying import Carrier
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.plans import Planning
from fsstore.engines.files.preparing import Preparing
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.sidecars import Sidecars
from fsstore.engines.files.work import Work
from fsstore.events import Event
from fsstore.keys import path_of

FAR, PAST = "2200-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"
KEYS = ["k", "a:b", "a/b", "", ":", "A.json", ".git", "Ä ?", "x" * 700, "long/" + "y" * 600]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with fsstore.open(tmp_path / "store", agent="tester") as opened:
        yield opened


@pytest.fixture
def other(store: Store, tmp_path: Path) -> Any:
    """What another process would see: nothing is shared with the first."""
    with fsstore.open(tmp_path / "store", agent="other") as opened:
        yield opened


def beside(store: Store, key: str) -> Path:
    root, _, below = path_of("default", key).partition("/")
    return Path(store._engine.place) / root / ".meta" / below


def end(store: Store, *keys: str) -> None:
    """A person writes that keys have ended."""
    for key in keys:
        path = beside(store, key)
        path.write_text(json.dumps({**(json.loads(path.read_text()) if path.exists() else {}), "expires": PAST}))


# -- the past --------------------------------------------------------------------------------------


def test_restoring_replaces_and_removes_what_has_ended(store: Store) -> None:
    store.set("k", "old")
    first = store.snapshot("first")
    assert first is not None
    store.set_many({"k": "new", "l": 1}, ttl=3600)
    store.snapshot("second")
    end(store, "k", "l")
    restored = store.restore(first.id)
    assert (restored.set, restored.deleted) == ([("default", "k")], [("default", "l")])
    assert store.get_all() == {"k": "old"}
    assert store.expires("k") is None
    assert not beside(store, "l").exists()


def test_what_had_ended_in_the_past_is_restored_with_its_end(store: Store) -> None:
    store.set("k", 1, ttl=3600)
    end(store, "k")
    commit = store.snapshot("with the end")
    assert commit is not None
    assert store.sweep() == 1
    store.restore(commit.id)
    assert store.get("k") is None
    assert store.at(commit.id).get("k") == 1
    assert store.sweep() == 1


@pytest.mark.parametrize("damaged", [False, True])
def test_a_run_is_taken_back_though_what_it_wrote_has_ended(store: Store, damaged: bool) -> None:
    store.set("k", "before", {"m": 1})
    store.set("l", "before", ttl=3600)
    until = store.expires("l")
    if damaged:
        beside(store, "k").write_text("{")
    with pytest.raises(InterruptedError) as raised, store.run("agent", on_error="rollback") as run:
        run.delete("k")
        run.set_many({"k": "in the run", "l": "in the run", "new": 1}, ttl=3600)
        end(store, "k", "l", "new")
        raise InterruptedError
    assert not getattr(raised.value, "__notes__", [])
    assert store.get_all() == {"k": "before", "l": "before"}
    assert store.expires("l") == until
    assert store.info("k").metadata == ({} if damaged else {"m": 1})


def _file_not_meant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("fsstore.engines.files.preparing._is_of_file", lambda op: False)


@pytest.mark.parametrize("proof", ["restoring", "taking back"])
def test_what_expects_keys_and_not_files_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch, proof: str) -> None:
    _file_not_meant(monkeypatch)
    with pytest.raises((Conflict, AssertionError)):
        if proof == "restoring":
            test_restoring_replaces_and_removes_what_has_ended(store)
        else:
            test_a_run_is_taken_back_though_what_it_wrote_has_ended(store, damaged=False)


# -- in the middle ---------------------------------------------------------------------------------


def expires(store: Store) -> str | None:
    try:
        return store.expires("k")
    except fsstore.NotFound:
        return "not found"


READS: dict[str, tuple[Callable[[Store], Any], Any]] = {
    "get": (lambda store: store.get("k"), None),
    "exists": (lambda store: store.exists("k"), False),
    "get_many": (lambda store: store.get_many(["k", "l"]), {"l": 1}),
    "get_all": (lambda store: store.get_all(), {"l": 1}),
    "list_keys": (lambda store: store.list_keys(), ["l"]),
    "items": (lambda store: list(store.items()), [("l", 1)]),
    "count": (lambda store: store.count(), 1),
    "stats": (lambda store: store.stats().keys, 1),
    "expires": (lambda store: expires(store), "not found"),
}


def sweeping(patch: pytest.MonkeyPatch, sweep: Callable[[], object], *, first: bool) -> None:
    """Let somebody sweep right before a reader looks when the key ends, or right after that."""
    sound, left = Sidecars.expires, [sweep]

    def expires(self: Sidecars, *args: Any) -> float | None:
        act = left.pop() if left else lambda: None
        if first:
            act()
        found = sound(self, *args)
        if not first:
            act()
        return found

    patch.setattr(Sidecars, "expires", expires)


def look_while_swept(store: Store, other: Store, patch: pytest.MonkeyPatch, name: str, *, first: bool) -> None:
    read, expected = READS[name]
    store.set("k", 1, ttl=3600)
    store.set("l", 1)
    end(store, "k")
    sweeping(patch, other.sweep, first=first)
    assert read(store) == expected
    assert not beside(store, "k").exists()


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("name", READS)
def test_nobody_sees_what_has_ended_while_it_is_swept(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch, name: str, first: bool
) -> None:
    look_while_swept(store, other, monkeypatch, name, first=first)


def _one_after_the_other(patch: pytest.MonkeyPatch) -> None:
    sound = Carrier.carry_out

    def carry_out(self: Carrier, works: list[Work], *args: Any, **options: Any) -> None:
        for work in works:
            work.ended = False
        sound(self, works, *args, **options)

    patch.setattr(Carrier, "carry_out", carry_out)


def test_a_sweep_of_two_files_one_after_the_other_is_noticed(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _one_after_the_other(monkeypatch)
    with pytest.raises(AssertionError):
        look_while_swept(store, other, monkeypatch, "get", first=True)


def seen_in_the_middle(store: Store, other: Store, patch: pytest.MonkeyPatch) -> list[Any]:
    """What another reader sees while a key that had ended is set anew, from the instant that it is decided."""
    store.set("k", 1, ttl=3600)
    end(store, "k")
    assert other.list_keys() == []
    seen: list[Any] = []
    sound = Carrier._place_all

    def place_all(self: Carrier, *args: Any) -> None:
        seen.append((other.list_keys(), other.get_all(), other.get("k"), other.exists("k"), other.list_namespaces()))
        sound(self, *args)

    patch.setattr(Carrier, "_place_all", place_all)
    store.set("k", 2, ttl=3600)
    return seen


def test_what_is_set_anew_is_there_for_all_verbs_as_soon_as_it_is_decided(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen_in_the_middle(store, other, monkeypatch) == [(["k"], {"k": 2}, 2, True, ["default"])]


def test_a_listing_that_knows_no_open_commits_is_noticed(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = FileReader._ended
    monkeypatch.setattr(FileReader, "_ended", lambda self, namespace, prefix, *_: sound(self, namespace, prefix))
    assert seen_in_the_middle(store, other, monkeypatch) != [(["k"], {"k": 2}, 2, True, ["default"])]


class Recorder:
    """Takes events as they are told, before any are merged."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def put(self, event: Event) -> None:
        self.told.append((event.kind, event.key))

    def end(self, error: Exception | None) -> None:
        """No more."""


def told_after_every_file(store: Store, patch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is told of keys that ended unseen, and are swept and set anew with a look after every file."""
    feed, recorder, sound = store._engine.feed(), Recorder(), Placing.apply
    store.set_many({"swept": 1, "again": 1}, ttl=3600)
    feed.attach(recorder)
    feed.sync(60)

    def apply(self: Placing, *args: Any) -> None:
        sound(self, *args)
        feed.sync(60)

    patch.setattr(Placing, "apply", apply)
    end(store, "swept", "again")
    store.set("again", 1)
    store.sweep()
    feed.sync(60)
    feed.detach(recorder)
    return sorted(recorder.told)


def test_an_observer_sees_no_half_of_a_sweep(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [("created", "again"), ("expired", "again"), ("expired", "swept")]
    assert told_after_every_file(store, monkeypatch) == expected


def test_ends_that_go_before_their_files_are_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Planning.entries
    monkeypatch.setattr(
        Planning, "entries", lambda *args: sorted(sound(*args), key=lambda entry: entry.key is not None)
    )
    expected = [("created", "again"), ("expired", "again"), ("expired", "swept")]
    assert told_after_every_file(store, monkeypatch) != expected


# -- people, and what they do to files --------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_any_name_end_and_leave_nothing(store: Store, key: str) -> None:
    store.set("root", 1)
    store.set(key, 1, {"m": 1}, ttl=3600)
    assert store.info(key).metadata == {"m": 1}
    end(store, key)
    assert (store.get(key), store.list_keys(), store.exists(key)) == (None, ["root"], False)
    assert store.sweep() == 1
    root = Path(store._engine.place) / "default"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == [".namespace.json", "root.json"]
    assert list(store.doctor()) == []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2200-01-01", FAR),
        ("2200-01-01T00:00:00", FAR),
        ("2200-01-01T02:00:00+02:00", FAR),
        ("22000101T000000Z", FAR),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59+00:00"),
        (None, None),
    ],
)
def test_an_end_may_be_written_in_any_way_of_iso_8601(store: Store, written: str | None, expected: str | None) -> None:
    store.set("k", 1, ttl=3600)
    beside(store, "k").write_text(json.dumps({"expires": written}))
    found = store.expires("k")
    assert (found and found.replace(".000000", "")) == expected
    store.copy("k", "l")
    store.move("l", "m")
    assert store.expires("m") == found


@pytest.mark.parametrize("written", [5, True, [], {}, "soon", "", "2030-13-01", "1700000000"])
def test_nonsense_ends_nothing_is_told_of_and_is_mended_by_the_next_call(store: Store, written: Any) -> None:
    store.set("k", 1, ttl=3600)
    beside(store, "k").write_text(json.dumps({"expires": written}))
    assert (store.get("k"), store.list_keys(), store.sweep()) == (1, ["k"], 0)
    with pytest.raises(fsstore.BadValue, match='"expires" is a time such as'):
        store.expires("k")
    (finding,) = store.doctor()
    assert (finding.problem, finding.detail.partition(". ")[2]) == (
        "bad-value",
        "Mend the file, or remove it: then the key has no metadata, and no end.",
    )
    assert store.delete("k") is True
    assert list(store.doctor()) == []


def test_an_end_that_nobody_heeds_is_a_finding(store: Store) -> None:
    store.set("k", 1, ttl=3600)
    store.set("plain", 1, {"m": 1})
    assert list(store.doctor()) == []
    rules = beside(store, "k").parent / ".namespace.json"
    said = rules.read_text()
    rules.unlink()
    assert [(each.path, each.problem) for each in store.doctor()] == [("default/.meta/k.json", "unheeded-end")]
    rules.write_text(said)
    assert list(store.doctor()) == []


def _written_late(store: Store) -> Path:
    """A person writes into the file of a key that has ended; their work outlives every sweep."""
    store.set_many({"k": 1, "l": 1}, ttl=3600)
    end(store, "k", "l")
    path = Path(store._engine.place) / "default/k.json"
    path.write_text('"by hand"')
    late = beside(store, "k").stat().st_mtime + 5
    os.utime(path, (late, late))
    assert store.get("k") is None
    assert store.sweep(dry_run=True) == 1
    assert store.sweep() == 1
    assert path.read_text() == '"by hand"'
    return path


def test_what_a_person_writes_after_the_end_is_not_swept_and_found(store: Store) -> None:
    path = _written_late(store)
    [finding] = store.doctor()
    assert (finding.path, finding.problem) == ("default/k.json", "written-late")
    assert "default/.meta/k.json" in finding.detail
    beside(store, "k").unlink()
    assert store.get("k") == "by hand"
    assert list(store.doctor()) == []
    assert path.exists()


def test_a_sweep_that_takes_it_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sidecars, "is_outlived", lambda *_: False)
    with pytest.raises(AssertionError):
        _written_late(store)


def test_a_store_that_is_only_read_is_not_swept(store: Store, tmp_path: Path) -> None:
    store.set("k", 1, ttl=3600)
    with fsstore.open(tmp_path / "store", read_only=True) as reader:
        with pytest.raises(ReadOnly, match=r"sweep\(\)"):
            reader.sweep()
        end(store, "k")
        assert reader.get("k") is None
        assert reader.list_keys() == []
        with pytest.raises(ReadOnly, match=r"sweep\(\)"):
            reader.sweep()


def test_what_a_touch_changes_is_its_agents_commit(store: Store, other: Store) -> None:
    store.set("k", 1)
    store.snapshot("first")
    other.touch("k", 3600)
    commit = store.snapshot("second")
    assert commit is not None
    assert (commit.agent, "Keys: default/k" in commit.message) == ("other", True)
    assert store.snapshot("nothing") is None


def test_the_look_under_the_lock_is_what_counts(store: Store, other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer finds a key alive that ends before it has the lock: it is set anew all the same."""
    store.set("k", 1, {"from": "before"}, ttl=3600)
    sound = Preparing._look

    def look(self: Preparing, *args: Any, **options: Any) -> None:
        end(store, "k")
        monkeypatch.undo()
        sound(self, *args, **options)

    monkeypatch.setattr(Preparing, "_look", look)
    assert store.increment("k") == 1
    assert (store.info("k").metadata, store.expires("k")) == ({}, None)
