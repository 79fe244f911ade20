"""What a snapshot looks at to find what people edited, with and without a hub; what is left to later ones."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsstore.engines.files import sweeping
from fsstore.engines.files.watching import touched
from fsstore.engines.files.watching.hub import Hub
from fsstore.engines.files.watching.touched import Touched
from fsstore.history import searching
from fsstore.history.edits import Edits
from fsstore.history.state import Memory, State, Swept
from fsstore.history.step import Step

from .hubs import SECONDS, edit, found_by, some_store, watched
from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return some_store(scratch / "store")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each search whether it looked at all files."""
    found: list[bool] = []
    sound = Edits.search

    def search(self: Edits, *, all_files: bool) -> None:
        found.append(all_files)
        sound(self, all_files=all_files)

    monkeypatch.setattr(Edits, "search", search)
    return found


def state(repo: StoreRepo) -> State:
    with repo.open() as store:
        return Memory(store._past._maker()._means.repository.tree).load()


# -- how much is looked at -------------------------------------------------------------------------


def test_with_a_hub_all_files_are_looked_at_once(repo: StoreRepo, looks: list[bool]) -> None:
    with repo.open() as store:
        store.snapshot()
        assert looks == [False]
        with watched(store):
            for _ in range(4):
                store.snapshot()
            assert looks == [False, True, False, False, False]
            store.snapshot(verify=True)
            store.snapshot()
            assert looks[5:] == [True, False]
        store.snapshot()
        assert looks[7:] == [False]
        with watched(store):
            store.snapshot()
            assert looks[8:] == [True]


def test_all_files_are_looked_at_now_and_then(
    repo: StoreRepo, looks: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel does not tell of everything."""
    with repo.open() as store, watched(store):
        store.snapshot()
        store.snapshot()
        monkeypatch.setattr(sweeping, "_RARELY", 0)
        store.snapshot()
        assert looks == [True, False, True]


def test_many_files_that_no_hub_watches_are_not_looked_at_each_time(
    repo: StoreRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "_FEW", 0)
    sidecar = repo.root / "default/.meta/with.json"
    with repo.open() as store, watched(store):
        store.snapshot()
        edit(sidecar)
        edit(repo.path("a"))
        assert found_by(repo, store.snapshot) == ["M default/a.json"]
        found = state(repo).swept
        assert (found.files_apart, found.apart) == (1, found.everything)
        assert found.edited > found.apart
        monkeypatch.setattr(searching, "sweep_after", lambda _: 1e-9)  # it is time
        assert found_by(repo, store.snapshot) == ["M default/.meta/with.json"]
    repo.check()


# -- hubs that come and go -------------------------------------------------------------------------


def _away(repo: StoreRepo, change: Callable[[Path], object]) -> None:
    """The store is edited while it is not where it was."""
    away = repo.root.with_name("away")
    with repo.open() as store, watched(store) as watcher:
        store.snapshot()
        repo.root.rename(away)
        seen = threading.Event()
        while not watcher.status().missing:
            assert not seen.wait(0.005)
        change(away)
        assert found_by(repo, store.snapshot) == ["M default/a.json"]


def _back(away: Path) -> None:
    edit(away / "default/a.json")
    away.rename(away.with_name("store"))


def _another(away: Path) -> None:
    """A copy takes its place, whose directories look as if nothing had happened."""
    shutil.copytree(away, away.with_name("store"), symlinks=True)
    edit(away.with_name("store") / "default/a.json")


@pytest.mark.parametrize("change", [_back, _another])
def test_a_store_that_was_away(repo: StoreRepo, change: Callable[[Path], object]) -> None:
    _away(repo, change)
    repo.check()


def test_a_hub_that_ends_tells_nothing(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot never waits for a hub that is on its way out."""
    with repo.open() as store, watched(store):
        store.snapshot()
        hub = touched.observers[str(repo.root)]
    assert isinstance(hub, Hub)
    done: list[object] = []
    asking = threading.Thread(target=lambda: done.append(hub.edits(0.0)), daemon=True)
    asking.start()
    asking.join(SECONDS)
    assert done == [None]
    assert str(repo.root) not in touched.observers


def test_where_the_kernel_gives_no_hints_all_is_as_without_a_hub(repo: StoreRepo, looks: list[bool]) -> None:
    edit(repo.root / "fsstore.json", '"settings": {', '"settings": {')
    text = (repo.root / "fsstore.json").read_text()
    (repo.root / "fsstore.json").write_text(text.replace('"settings": {', '"settings": {"watch": "polling", '))
    repo.snapshot()
    with repo.open() as store, watched(store) as watcher:
        assert watcher.status().mode == "polling"
        store.snapshot()
        edit(repo.path("a"))
        assert store.snapshot() is None
        assert not any(looks[1:])


# -- what is left, and is not forgotten ------------------------------------------------------------


def _committed_later(repo: StoreRepo) -> None:
    """A person edits a file after staging it; then what was staged is committed, which leaves the index as it is."""
    with repo.open() as store, watched(store) as watcher:
        store.snapshot()
        edit(repo.path("a"), "1", "2")
        repo.git("add", "default/a.json")
        tree = repo.git("write-tree").strip()
        edit(repo.path("a"), "2", "3")
        watcher.sync()
        assert store.snapshot() is None
        commit = repo.git("commit-tree", "-p", "HEAD", "-m", "by hand", tree).strip()
        repo.git("update-ref", "HEAD", commit)
        assert found_by(repo, store.snapshot) == ["M default/a.json"]
        assert repo.at("default/a.json") == "3\n"


def test_what_waited_for_a_persons_commit(repo: StoreRepo) -> None:
    _committed_later(repo)
    repo.check()


def test_a_flaw_that_forgets_it_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Step._divide

    def divide(self: Step, *args: object) -> None:
        sound(self, *args)  # type: ignore[arg-type]
        self._staged_paths.clear()

    monkeypatch.setattr(Step, "_divide", divide)
    monkeypatch.setattr(touched, "_SET_BACK", 0.0)
    monkeypatch.setattr(Touched, "clock", lambda _: time.time())  # which else is set back by any delay
    with pytest.raises(AssertionError, match="M default"):
        _committed_later(repo)


def test_files_that_are_ignored_are_forgotten_when_they_are_gone(repo: StoreRepo) -> None:
    with repo.open() as store, watched(store):
        for number in range(3):
            names = [f"default/.{number}.swp", f"default/d/{number}~"]
            for name in names:
                (repo.root / name).write_text("x")
            store.snapshot()
            assert state(repo).ignored == sorted(names)
            for name in names:
                (repo.root / name).unlink()
        store.snapshot()
        assert state(repo).ignored == []


def test_names_that_cannot_be_noted_are_looked_for_as_without_a_hub(repo: StoreRepo, looks: list[bool]) -> None:
    odd = Path(os.fsdecode(os.fsencode(repo.root) + b"/default/\xfe"))
    odd.mkdir()
    (odd / "x.txt").write_text("1")
    repo.snapshot()
    looks.clear()
    with repo.open() as store, watched(store):
        store.snapshot()
        store.snapshot(verify=True)
        store.snapshot()
        assert looks == [False, True, False]
        assert not state(repo).swept.is_whole
    (odd / "x.txt").unlink()
    odd.rmdir()
    with repo.open() as store, watched(store):
        store.snapshot(verify=True)
        assert state(repo).swept.is_whole


def test_a_state_of_an_earlier_version_is_no_state(repo: StoreRepo, looks: list[bool]) -> None:
    path = repo.root / ".git/fsstore/state"
    text = path.read_bytes()
    at = text.index(b'"swept":')
    path.write_bytes(text[:at] + b'"swept":1.0' + text[text.index(b"]", at) + 1 :])
    with repo.open() as store:
        assert state(repo).swept == Swept()
        store.snapshot()
    assert looks == [True]


# -- the list of hints -----------------------------------------------------------------------------


def test_hints_are_kept_from_the_first_question_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("fsstore.engines.files.watching.touched.time.time", lambda: now[0])
    found = Touched()
    found.note("d/", ["a"])
    assert found.edited(900.0) == (1000.0, set())
    now[0] = 1010.0
    found.note("d/", ["a", "b"])
    assert found.edited(900.0) == (1000.0, {"d/a", "d/b"})
    now[0] = 1020.0
    found.note("", ["c"])
    assert found.edited(1015.0) == (1015.0, {"c"})
    assert found.edited(1005.0) == (1005.0, {"c", "d/a", "d/b"})  # somebody else may ask, too
    now[0] = 1020.5
    found.note("", ["d"])
    assert found.edited(1020.9) == (1020.9, {"c", "d"})  # clocks are set back, a little
    found.lose()
    now[0] = 1030.0
    assert found.edited(1025.0) == (1030.0, set())


def test_too_many_hints_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "_KEPT", 10)
    found = Touched()
    begun = found.edited(0.0).since
    found.note("", map(str, range(10)))
    assert len(found.edited(begun).paths) == 10
    found.note("", "x")
    assert found.times is None
    assert found.edited(begun).since > begun
