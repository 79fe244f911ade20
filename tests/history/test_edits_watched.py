"""Where a hub runs, what a person edits in place is in the next snapshot, though no snapshot looks at every file."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from files.children import in_child

from fsstore.engines.files.watching import inotify
from fsstore.engines.files.watching.touched import Edited, Touched
from fsstore.history.edits import Edits

from .hubs import Elsewhere, aged, edit, found_by, some_store, watched
from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return some_store(scratch / "store")


# -- one edit --------------------------------------------------------------------------------------


def _chmod(repo: StoreRepo) -> str:
    repo.path("a").chmod(0o755)
    return "default/a.json"


def _in_place(path: str, old: str = "1", new: str = "2") -> Callable[[StoreRepo], str]:
    def act(repo: StoreRepo) -> str:
        edit(repo.root / path, old, new)
        return path

    return act


def _readme(repo: StoreRepo) -> str:
    text = (repo.root / "README.md").read_text()
    edit(repo.root / "README.md", text[:4], "edit")
    return "README.md"


def _odd(repo: StoreRepo) -> str:
    edit(Path(os.fsdecode(os.fsencode(repo.root) + b"/default/\xff.txt")))
    return '"default/\\377.txt"'


EDITS = {
    "value": _in_place("default/a.json"),
    "deep": _in_place("default/d/e/f.json"),
    "sidecar": _in_place("default/.meta/with.json"),
    "no key": _in_place("default/notes.txt"),
    "no UTF-8": _odd,
    "README": _readme,
    "settings": _in_place("fsstore.json", "1000000000.0", "2000000000.0"),
    "rules": _in_place(".gitignore", "4913", "4914"),
    "mode": _chmod,
}


def _one(repo: StoreRepo, act: Callable[[StoreRepo], str]) -> None:
    with repo.open() as store, watched(store):
        store.snapshot()
        path = act(repo)
        assert found_by(repo, store.snapshot) == [f"M {path}"]
        assert found_by(repo, store.snapshot) == []


@pytest.mark.parametrize("what", EDITS)
def test_what_is_edited_in_place_is_in_the_next_snapshot(repo: StoreRepo, what: str) -> None:
    _one(repo, EDITS[what])
    repo.check()


def _forgets(self: Touched, since: float) -> Edited:
    return Edited(since, set())


@pytest.mark.parametrize(
    ("what", "owner", "name", "flawed"),
    [
        ("value", Touched, "edited", _forgets),
        ("no key", Touched, "edited", _forgets),
        ("no UTF-8", Touched, "edited", _forgets),
        ("README", Edits, "compare", lambda *_: None),
        ("sidecar", Edits, "search_apart", lambda *_: None),
        ("mode", inotify, "_WANTED", inotify._WANTED & ~inotify.ATTRIB),
    ],
)
def test_a_hub_that_forgets_edits_is_noticed(
    repo: StoreRepo, what: str, owner: object, name: str, flawed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, flawed)
    with pytest.raises(AssertionError, match=r"M .?(default|README)"):
        _one(repo, EDITS[what])


def test_without_a_hub_it_is_not_found_before_it_is_time(repo: StoreRepo) -> None:
    with repo.open() as store:
        store.snapshot()
        edit(repo.path("a"))
        assert store.snapshot() is None
        with watched(store):  # the first snapshot with it looks at all
            assert found_by(repo, store.snapshot) == ["M default/a.json"]
        edit(repo.path("b"))
        assert store.snapshot() is None


def test_edits_one_after_the_other(repo: StoreRepo) -> None:
    """Also of the same file within the clock's tick."""
    with repo.open() as store, watched(store):
        store.snapshot()
        for number in range(100):
            edit(repo.path("a"), *(("1", "2") if number % 2 == 0 else ("2", "1")))
            assert store.snapshot() is not None
    repo.check()


def test_what_was_made_while_watching(repo: StoreRepo) -> None:
    with repo.open() as store, watched(store):
        store.snapshot()
        store.use_namespace("new").set("x:y", 1, metadata={"n": 1})
        repo.write("n/e/w", "1\n")
        store.snapshot()
        for path in ("new/x/y.json", "new/.meta/x/y.json", "default/n/e/w.json"):
            edit(repo.root / path)
            assert found_by(repo, store.snapshot) == [f"M {path}"]
    repo.check()


# -- other processes -------------------------------------------------------------------------------


def test_snapshots_of_two_processes_in_turn(repo: StoreRepo) -> None:
    with repo.open() as store, watched(store), closing(Elsewhere(repo.root)) as elsewhere:
        store.snapshot()
        for number in range(4):
            edit(repo.path("a"), *(("1", "2") if number % 2 == 0 else ("2", "1")))
            assert not elsewhere.snapshot()  # it does not know
            assert elsewhere.snapshot(f"set k{number} 1")
            assert found_by(repo, store.snapshot) == ["M default/a.json"]
            edit(repo.path("b"), *(("1", "2") if number % 2 == 0 else ("2", "1")))
            assert found_by(repo, lambda: elsewhere.snapshot("verify")) == ["M default/b.json"]
            assert store.snapshot() is None
    repo.check()


def test_a_forked_child_has_no_hub(repo: StoreRepo) -> None:
    def child() -> None:
        with repo.open() as store:
            assert store.snapshot() is None

    with repo.open() as store, watched(store):
        store.snapshot()
        edit(repo.path("a"))
        in_child(child)
        assert found_by(repo, store.snapshot) == ["M default/a.json"]
    repo.check()


def _watched_late(repo: StoreRepo, change: Callable[[], object], path: str) -> None:
    """A directory is edited in after another process has seen it, and before the hub has."""
    with repo.open() as store, watched(store) as watcher, closing(Elsewhere(repo.root)) as elsewhere:
        store.snapshot()
        with watcher.held():
            change()
            assert elsewhere.snapshot("verify")
            edit(repo.root / path)
        assert found_by(repo, store.snapshot) == [f"M {path}"]


def _made(repo: StoreRepo) -> None:
    path = repo.write("n/e/w", "1\n")
    aged(path, path.parent, path.parents[1])


def _moved(repo: StoreRepo) -> None:
    path = (repo.root / "default/d").rename(repo.root / "default/m")
    aged(path / "e/f.json", path / "e", path)


LATE: dict[str, tuple[Callable[[StoreRepo], object], str]] = {
    "made": (_made, "default/n/e/w.json"),
    "moved": (_moved, "default/m/e/f.json"),
}


@pytest.mark.parametrize("what", LATE)
def test_directories_that_are_watched_late(repo: StoreRepo, what: str) -> None:
    change, path = LATE[what]
    _watched_late(repo, lambda: change(repo), path)
    repo.check()


@pytest.mark.parametrize("what", LATE)
def test_a_hub_that_begins_too_late_is_noticed(repo: StoreRepo, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, path = LATE[what]
    monkeypatch.setattr(Touched, "note", lambda *_: None)
    with pytest.raises(AssertionError, match=r"M .?(default|README)"):
        _watched_late(repo, lambda: change(repo), path)


# -- when hints are lost ---------------------------------------------------------------------------


def _overflow(repo: StoreRepo) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with repo.open() as store, watched(store) as watcher:
        store.snapshot()
        with watcher.held():
            for number in range(limit + 100):  # the same hint twice in a row is one
                os.utime(repo.path("a" if number % 2 else "b"))
            edit(repo.path("d/e/f"))
        assert found_by(repo, store.snapshot) == ["M default/d/e/f.json"]
        assert watcher.status().overflows > 0
        edit(repo.path("a"))
        assert found_by(repo, store.snapshot) == ["M default/a.json"]


def test_the_kernels_queue_overflows(repo: StoreRepo) -> None:
    _overflow(repo)
    repo.check()


def test_a_hub_that_overlooks_an_overflow_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Touched, "lose", lambda _: None)
    with pytest.raises(AssertionError, match=r"M .?(default|README)"):
        _overflow(repo)
