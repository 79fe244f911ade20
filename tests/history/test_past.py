"""The store as a commit has it gives what the store gave then, by every reading verb."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsstore import keys
from fsstore.engine import Reader
from fsstore.engines.files.engine import FileEngine
from fsstore.errors import BadValue, InvalidName, NotFound, StoreError, TooLarge
from fsstore.history import treekeys
from fsstore.history.past import PastEngine
from fsstore.namespace import Handle
from fsstore.reading import ReadHandle
from fsstore.records import timestamp

from .gitrepo import GitRepo

VECTORS = json.loads((Path(__file__).parents[1] / "data/key-vectors.json").read_text())
NO_KEYS = (".hidden.json", "a%2fb.json", "x/.meta2/y.json", "plain.txt", "a%3A/b.json", "%%/z.json", "b.json%.json")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "store")


@pytest.fixture
def now(repo: GitRepo) -> Iterator[FileEngine]:
    engine = FileEngine(str(repo.root), create=True, read_only=False)
    yield engine
    engine.close()


def past(repo: GitRepo, revision: str = "HEAD", **limits: int) -> PastEngine:
    commit = bytes.fromhex(repo.git("rev-parse", revision).strip())
    return PastEngine(repo.repository.objects, repo.changes(), commit, **limits)


def handle(engine: Reader, namespace: str = "default") -> ReadHandle:
    return ReadHandle(engine, namespace, agent=None, run=None, ops=None)


def writer(engine: FileEngine, namespace: str = "default") -> Handle:
    return Handle(engine, namespace, agent=None, run=None, ops=None)


def fill(repo: GitRepo, engine: FileEngine) -> None:
    """Keys and namespaces of every kind, bad files, files that are no keys."""
    for namespace in ("default", "n:s/x", "é", "n" * 450):
        store = writer(engine, namespace)
        for number, key in enumerate({*(key for key, _ in VECTORS["keys"])} if namespace == "default" else "abc"):
            store.set(key, {"number": number, "key": key}, metadata={"n": number} if number % 3 == 0 else None)
    for path in NO_KEYS:
        repo.write(f"default/{path}", 1)
    repo.write("no namespace.json", 1)
    repo.write("empty%2Fnamespace%2f/a.json", 1)
    repo.write("default/bad.json", b'{"a": 1,}')
    repo.write("default/torn.json", b'{"a": ')
    (repo.root / "default/link.json").symlink_to("bad.json")


def plain(value: Any) -> Any:
    """Values as they are, errors as what they tell but for the place."""
    if isinstance(value, BadValue):
        return type(value), value.key, re.split(" or lies|, and", value.reason)[0], value.line, value.column
    if isinstance(value, StoreError):
        return type(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value._replace(value=plain(value.value)) if hasattr(value, "revision") else value


def compare(then: Reader, now: Reader) -> None:
    """Every method gives the same, for every namespace and key."""
    assert then.namespaces() == now.namespaces()
    for namespace in [*now.namespaces(), "none"]:
        listed = now.keys(namespace)
        assert then.keys(namespace) == listed
        for prefix in ("", "a", "a:", "n", "é", "x" * 200):
            assert then.keys(namespace, prefix) == now.keys(namespace, prefix)
            assert plain(then.read_all(namespace, prefix)) == plain(now.read_all(namespace, prefix))
            assert list(then.read_all(namespace, prefix)) == list(now.read_all(namespace, prefix))
        for after in (None, "a", *listed[::20]):
            assert [key for key, _ in then.scan(namespace, "", after)] == [
                key for key, _ in now.scan(namespace, "", after)
            ]
        for wanted in (listed, [*listed[:3], "not there"]):
            assert plain(then.get(namespace, wanted)) == plain(now.get(namespace, wanted))
            theirs = now.contents(namespace, wanted)
            for key, content in then.contents(namespace, wanted).items():
                assert plain(content.value) == plain(theirs[key].value)
                assert content.revision == theirs[key].revision
        assert then.all_contents(namespace).keys() == now.all_contents(namespace).keys()
        assert all(then.has(namespace, key) for key in listed)
        assert not then.has(namespace, "not there")
        assert then.record(namespace, "not there") is None


def test_it_is_what_the_store_was(repo: GitRepo, now: FileEngine) -> None:
    fill(repo, now)
    repo.commit()
    compare(past(repo), now)
    repo.git("gc", "-q")
    compare(past(repo), now)
    (repo.root / "default/link.json").unlink()  # its size is that of a name
    repo.commit()
    then = past(repo)
    assert [then.usage(name) for name in now.namespaces()] == [now.usage(name) for name in now.namespaces()]


def test_a_flaw_of_names_is_noticed(repo: GitRepo, now: FileEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(level: keys.Level, names: list[str]) -> list[str]:
        return [level.text + name.removesuffix(".json") for name in names]

    monkeypatch.setattr(treekeys, "_decoded", careless)
    with pytest.raises((AssertionError, StoreError)):
        test_it_is_what_the_store_was(repo, now)


def test_records_tell_their_commits(repo: GitRepo, now: FileEngine) -> None:
    store = writer(now)
    store.set("k", {"n": 1}, metadata={"source": "x"})
    made = repo.commit("x\n\nAgent: first")
    made_at = repo.git("log", "-1", "--format=%at").strip()
    store.set("k", {"n": 2}, metadata={"more": 1})
    repo.commit("x\n\nAgent: second")
    store.set("other", 1)
    repo.commit()
    record = handle(past(repo)).info("k")
    assert (record.created_by, record.updated_by) == ("first", "second")
    assert record.created_at < record.updated_at
    assert record.created_at == timestamp(float(made_at))
    assert record.metadata == {"source": "x", "more": 1}
    live = store.info("k")
    assert (record.value, record.revision, record.size) == (live.value, live.revision, live.size)
    assert record.path == f"{repo.head()[:12]}:default/k.json"
    assert json.loads(repo.git("show", record.path)) == record.value
    first = handle(past(repo, made)).info("k")
    assert (first.value, first.metadata, first.updated_by) == ({"n": 1}, {"source": "x"}, "first")

    store.delete("k")
    repo.commit("x\n\nAgent: third")
    assert past(repo).record("default", "k") is None
    store.set("k", 1)
    repo.commit("x\n\nAgent: fourth")
    assert handle(past(repo)).info("k").created_by == "fourth"
    repo.put("default/k.json", 2)
    assert handle(past(repo)).info("k").updated_by is None


def test_the_verbs_of_a_handle(repo: GitRepo, now: FileEngine) -> None:
    writer(now).set_many({"a": 1, "b": [2], "c:d": None})
    repo.commit()
    then = handle(past(repo))
    writer(now).replace_all({"z": 1})
    repo.commit()
    assert then.get_all() == {"a": 1, "b": [2], "c:d": None}
    assert (then.get("a"), then.get("z", 5), then["b"], "c:d" in then) == (1, 5, [2], True)
    assert (then.list_keys(), then.count("c:"), next(iter(then.items()))) == (["a", "b", "c:d"], 1, ("a", 1))
    assert then.list_namespaces() == ["default"]
    with pytest.raises(NotFound):
        then["z"]
    with pytest.raises(InvalidName):
        then.get("\ud800")
    then.get("b").append(1)
    assert then.get("b") == [2]
    assert past(repo).capabilities.read_only.startswith(f"it is the store as commit {repo.head()[:12]}")
    engine = past(repo)
    assert engine.moment() == engine.moment()


def test_findings_are_those_of_the_doctor(repo: GitRepo, now: FileEngine) -> None:
    store = writer(now)
    store.set("k", 1, metadata={"a": 1})
    repo.write("default/.meta/k.json", b"[]")
    repo.write("default/bad.json", b'{"a": 1,}')
    repo.write("default/twice.json", b'{"a": 1, "a": 2}')
    repo.write("default/conflict.json", b"<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n")
    (repo.root / "default/link.json").symlink_to("k.json")
    repo.write("README.md", b"not JSON\n")
    repo.write("default/notes.txt", b"not JSON\n")
    repo.commit()
    problems = {"bad-value", "duplicate-members", "conflict-markers", "not-regular"}
    doctor = {(each.path, each.problem, each.detail) for each in now.check() if each.problem in problems}
    found = {(each.path, each.problem, each.detail) for each in past(repo).check()}
    assert found == doctor
    assert len(found) == 5
    limited = past(repo, limit=3)
    assert {each.problem for each in limited.check()} == {"too-large", "not-regular", "bad-value"}
    assert isinstance(limited.get("default", ["bad"])["bad"], TooLarge)


def test_submodules_and_directories_hold_no_values(repo: GitRepo) -> None:
    repo.write("default/dir.json/x.json", 1)
    repo.put("default/k.json", 1)
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head()},default/sub.json")
    repo.git("commit", "-q", "-m", "a submodule")
    then = handle(past(repo))
    report = then.get_all(errors="report")
    assert report.values == {"k": 1}
    assert {key: error.reason.split(",")[0] for key, error in report.errors.items() if isinstance(error, BadValue)} == {
        "dir": "it is a directory",
        "sub": "it is another repository",
    }
    assert handle(past(repo), "default/sub.json").get_all() == {}
    assert then.stats().keys == 3
