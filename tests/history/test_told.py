"""What a watcher knows who was told of a commit: the revisions of its keys, and nothing that is no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsstore import keys
from fsstore.engine import UNREADABLE
from fsstore.engines.files.engine import FileEngine
from fsstore.errors import HistoryUnavailable, UnknownRevision
from fsstore.events import REVISION, Told
from fsstore.history import treekeys
from fsstore.history.history import History, open_history
from fsstore.history.packs import object_id

from .gitrepo import GitRepo
from .test_past import fill, now, repo

__all__ = ["now", "repo"]

LINK = object_id(b"blob", b"bad.json").hex()


def history(engine: FileEngine) -> History:
    return open_history(engine, enabled=True, durability="process")


def compare(told: Told, engine: FileEngine) -> None:
    """It is what the store itself tells of its files as they are."""
    for name in engine.namespaces():
        found = {key: each.revision for key, each in engine.all_contents(name).items()}
        assert {key: mark.hex() for key, mark in told[name].items()} == {
            key: LINK if revision == UNREADABLE else revision for key, revision in found.items() if key != "directory"
        }
    assert sorted(told) == engine.namespaces()
    assert all(len(mark) == REVISION for each in told.values() for mark in each.values())


def _told_of_all(repo: GitRepo, engine: FileEngine) -> None:
    fill(repo, engine)
    repo.write("default/directory.json/file.txt", 1)
    repo.write("nothing/file.txt", 1)
    repo.commit()
    compare(history(engine).told("HEAD"), engine)
    repo.git("gc", "-q")
    compare(history(engine).told("HEAD"), engine)


def test_it_is_what_the_store_has(repo: GitRepo, now: FileEngine) -> None:
    _told_of_all(repo, now)


def _careless(level: keys.Level, names: list[str]) -> list[str]:
    return [level.text + name.removesuffix(".json") for name in names]


@pytest.mark.parametrize(("what", "flawed"), [("_decoded", _careless), ("_NO_FILE", frozenset())])
def test_a_flaw_is_noticed(
    repo: GitRepo, now: FileEngine, what: str, flawed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(treekeys, what, flawed)
    with pytest.raises(AssertionError):
        _told_of_all(repo, now)


def test_earlier_commits_are_told_as_they_were(repo: GitRepo, now: FileEngine) -> None:
    repo.write("default/a.json", 1)
    first = repo.put("other/b.json", 2)
    repo.remove("other/b.json")
    repo.git("tag", "here")
    repo.put("default/a.json", 2)
    past = history(now)
    then = {"default": {"a": _id("1")}}
    assert past.told(first) == then | {"other": {"b": _id("2")}}
    assert past.told(first[:8]) == past.told("HEAD~2")
    assert past.told("here") == then
    assert past.told("HEAD") == {"default": {"a": _id("2")}}


def _id(text: str) -> bytes:
    return object_id(b"blob", f"{text}\n".encode())


def test_what_is_no_revision_is_refused(repo: GitRepo, now: FileEngine, tmp_path: Path) -> None:
    with pytest.raises(HistoryUnavailable):
        open_history(FileEngine(str(tmp_path / "new")), enabled=True, durability=None).told("HEAD")
    repo.put("default/a.json", 1)
    with pytest.raises(UnknownRevision):
        history(now).told("nobody")
    with pytest.raises(HistoryUnavailable):
        open_history(now, enabled=False, durability=None).told("HEAD")
