"""One thing after the other that an index must notice; and that an index which does not is found out."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fsstore import Store
from fsstore.engines.files import traces
from fsstore.engines.files.intents import Intents
from fsstore.engines.files.traces import FileTraces, _Look
from fsstore.finding import candidates
from fsstore.finding.conditions import Condition
from fsstore.finding.index import Index, Space
from fsstore.traces import Trace

from .asking import saved, written
from .conftest import make

INDEX = ".fsstore/index/find.sqlite"
SECONDS = 60.0


@pytest.fixture
def home(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with an index that is up to date, and believes that it is."""
    monkeypatch.setattr(traces, "is_settled", lambda changed, looked: True)
    with make(root) as store:
        store.index("status", "n", text=["title"])
        store.set_many({key: {"status": "old", "n": 1, "title": "word"} for key in ("a", "b", "d:e:f", "d:e:g")})
        assert keys(store, "old") == ["a", "b", "d:e:f", "d:e:g"]
        yield store


def keys(store: Store, status: str, *, verify: bool = False) -> list[str]:
    """Those with a status, by the index."""
    found = store.find({"status": status}, verify=verify)
    assert not found.scanned
    return [hit.key for hit in found]


def path(store: Store, name: str) -> Path:
    """A file of the store."""
    return Path(store._engine.place) / "default" / name


def rows(store: Store) -> list[str]:
    """The keys that the index has rows of."""
    with closing(sqlite3.connect(path(store, "..") / INDEX)) as db:
        return [key for (key,) in db.execute("SELECT key FROM rows_1 ORDER BY key")]


# -- what happens ----------------------------------------------------------------------------------


def _set(store: Store) -> None:
    store.set("b", {"status": "new"})
    store.set("x:y:z", {"status": "new"})
    assert keys(store, "new") == ["b", "x:y:z"]
    assert keys(store, "old") == ["a", "d:e:f", "d:e:g"]


def _saved_by_an_editor(store: Store) -> None:
    saved(path(store, "d/e/f.json"), '{"status": "new"}')
    assert keys(store, "new") == ["d:e:f"]


def _made_by_hand(store: Store) -> None:
    saved(path(store, "new/deep/file.json"), '{"status": "new"}')
    assert keys(store, "new") == ["new:deep:file"]


def _moved_by_hand(store: Store) -> None:
    os.rename(path(store, "d"), path(store, "m"))
    assert keys(store, "old") == ["a", "b", "m:e:f", "m:e:g"]
    assert rows(store) == ["a", "b", "m:e:f", "m:e:g"]


def _exchanged_by_hand(store: Store) -> None:
    """Two directories that look the same."""
    saved(path(store, "c/e/f.json"), '{"status": "new"}')
    saved(path(store, "c/e/g.json"), '{"status": "new"}')
    assert keys(store, "new") == ["c:e:f", "c:e:g"]
    for source, target in (("c", "t"), ("d", "c"), ("t", "d")):
        os.rename(path(store, source), path(store, target))
    assert keys(store, "new") == ["d:e:f", "d:e:g"]


def _removed(store: Store) -> None:
    store.delete("a")
    shutil.rmtree(path(store, "d"))
    assert keys(store, "old") == ["b"]
    assert rows(store) == ["b"]


def _written_in_place(store: Store) -> None:
    written(path(store, "b.json"), '{"status": "newer"}')
    assert keys(store, "old") == ["a", "d:e:f", "d:e:g"]  # no hit is wrong, whatever the index says
    assert keys(store, "newer", verify=True) == ["b"]


def _written_in_place_while_watching(store: Store) -> None:
    with store.watch():
        assert keys(store, "new") == []  # this look is at all files
        written(path(store, "d/e/f.json"), '{"status": "new"}')
        assert keys(store, "new") == ["d:e:f"]
        saved(path(store, "late/file.json"), '{"status": "new"}')
        assert keys(store, "new") == ["d:e:f", "late:file"]
        written(path(store, "late/file.json"), '{"status": "newer"}')
        assert keys(store, "newer") == ["late:file"]


def _moved_while_watching(store: Store) -> None:
    """Of what comes and goes with its directory only directories tell."""
    outside = Path(store._engine.place).with_name("outside")
    with store.watch():
        assert keys(store, "new") == []
        os.rename(path(store, "d"), outside)
        assert keys(store, "old") == ["a", "b"]
        saved(outside / "deep/er/new.json", '{"status": "new"}')
        os.rename(outside, path(store, "in"))
        assert keys(store, "old") == ["a", "b", "in:e:f", "in:e:g"]
        assert keys(store, "new") == ["in:deep:er:new"]
        path(store, "a.json").unlink()
        store.set("in:e:f", {"status": "new"})
        assert keys(store, "new") == ["in:deep:er:new", "in:e:f"]
    assert rows(store) == ["b", "in:deep:er:new", "in:e:f", "in:e:g"]
    assert keys(store, "old") == ["b", "in:e:g"]


def _written_before_watching(store: Store) -> None:
    written(path(store, "b.json"), '{"status": "new"}')
    with store.watch():
        assert keys(store, "new") == ["b"]


@contextmanager
def _half_a_commit(store: Store, change: Callable[[], Any]) -> Iterator[None]:
    """In the body, a commit of several keys is decided, and none of its files is in place."""
    decided, goes_on = threading.Event(), threading.Event()
    publish = Intents.publish

    def publish_and_wait(self: Intents, *args: Any) -> None:
        publish(self, *args)
        decided.set()
        assert goes_on.wait(SECONDS)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Intents, "publish", publish_and_wait)
        writer = threading.Thread(target=change)
        writer.start()
        try:
            assert decided.wait(SECONDS)
            yield
        finally:
            goes_on.set()
            writer.join()


def _half_committed(store: Store) -> None:
    new = {"a": {"status": "new"}, "n:e:w": {"status": "new"}}
    with _half_a_commit(store, lambda: store.set_many(new)):
        assert store.get_many(new) == new
        assert keys(store, "new") == ["a", "n:e:w"]
    assert keys(store, "new") == ["a", "n:e:w"]
    store.delete_many(["a", "n:e:w"])
    assert keys(store, "new") == []
    assert rows(store) == ["b", "d:e:f", "d:e:g"]


def _damaged(store: Store) -> None:
    raw = bytearray((path(store, "..") / INDEX).read_bytes())
    raw[: 2 * 4096] = b"x" * 2 * 4096
    (path(store, "..") / INDEX).write_bytes(raw)
    assert keys(store, "old") == ["a", "b", "d:e:f", "d:e:g"]


def _torn_by_a_loss_of_power(store: Store) -> None:
    """It was written without a sync, so that after another boot it may have lost anything."""
    with closing(sqlite3.connect(path(store, "..") / INDEX)) as db:
        db.execute("DELETE FROM entries_1")
        db.commit()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(traces, "boot_id", lambda: "another")
        assert keys(store, "old") == ["a", "b", "d:e:f", "d:e:g"]


def _declared_anew(store: Store) -> None:
    store.index("n", "status")
    assert keys(store, "old") == ["a", "b", "d:e:f", "d:e:g"]
    store.index("title")
    assert [hit.key for hit in store.find({"title": "word"})] == ["a", "b", "d:e:f", "d:e:g"]


def _unreadable_for_a_while(store: Store) -> None:
    """A key that nobody could read when the index looked is read again each time: no change need tell of it."""
    get = store._engine.get
    with pytest.MonkeyPatch.context() as patched:
        store.set("b", {"status": "new"})
        patched.setattr(store._engine, "get", lambda namespace, names: {})
        assert keys(store, "new") == []
        patched.setattr(store._engine, "get", get)
        assert keys(store, "new") == ["b"]


SCENES: dict[str, Callable[[Store], None]] = {
    scene.__name__.strip("_"): scene
    for scene in (
        _set,
        _saved_by_an_editor,
        _made_by_hand,
        _moved_by_hand,
        _exchanged_by_hand,
        _removed,
        _written_in_place,
        _written_in_place_while_watching,
        _moved_while_watching,
        _written_before_watching,
        _half_committed,
        _damaged,
        _torn_by_a_loss_of_power,
        _declared_anew,
        _unreadable_for_a_while,
    )
}


@pytest.mark.parametrize("scene", SCENES)
def test_it_is_noticed(home: Store, scene: str) -> None:
    SCENES[scene](home)


# -- flaws -----------------------------------------------------------------------------------------


def _believes_directories(self: _Look, *, is_observed: bool) -> None:
    self._directories.update(self._before.directories)


def _looks_at_no_new_directory(self: _Look, *args: Any, deep: bool) -> None:
    known = set(self._before.directories)
    _look(self, *args, deep=deep)
    self._seen[:] = [trace for trace in self._seen if trace.group in known or not known]


def _believes_what_it_read(self: candidates.Candidates, trace: Trace, value: Any) -> Any:
    return _noted(self, trace, value)._replace(is_doubtful=False)


_look, _noted = _Look._look, candidates.Candidates._noted
FLAWS: list[tuple[str, object, str, object]] = [
    ("set", _Look, "_look_at_known", _believes_directories),
    ("saved_by_an_editor", _Look, "_look_at_known", _believes_directories),
    ("made_by_hand", _Look, "_look", _looks_at_no_new_directory),
    ("moved_by_hand", Space, "remove", lambda self, names: None),
    ("removed", Space, "remove", lambda self, names: None),
    ("removed", _Look, "_lose", lambda self, name: None),
    ("written_in_place", Condition, "holds", lambda self, value: True),
    ("written_in_place", _Look, "_look_at_all", lambda self: self._look_at_known(is_observed=False)),
    ("written_in_place_while_watching", _Look, "_look_at_touched", lambda self, names: None),
    ("moved_while_watching", _Look, "_look_at_touched", lambda self, names: None),
    ("written_before_watching", traces, "is_sweep_due", lambda *_: False),
    ("half_committed", FileTraces, "changed", lambda self, kept, verify=False: _without_open_commits(self, kept)),
    ("damaged", candidates, "_DAMAGED", frozenset()),
    ("torn_by_a_loss_of_power", Index, "_is_ours", lambda self: True),
    ("declared_anew", Index, "space", lambda self, name, declared: _any_space(self, name)),
    ("unreadable_for_a_while", candidates.Candidates, "_noted", _believes_what_it_read),
]


def _without_open_commits(self: FileTraces, kept: Any) -> Any:
    self._changing = lambda namespace: []
    return _changed(self, kept)


def _any_space(self: Index, name: str) -> Space | None:
    found = self._db.execute("SELECT id, mark, version FROM spaces WHERE name = ?", (name,)).fetchone()
    return Space(self._db, *found) if found else None


_changed = FileTraces.changed


@pytest.mark.parametrize(("scene", "owner", "name", "flawed"), FLAWS)
def test_a_flaw_is_found_out(
    home: Store, scene: str, owner: object, name: str, flawed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, flawed)
    with pytest.raises(AssertionError):
        SCENES[scene](home)
