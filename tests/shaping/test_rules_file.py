"""The file of a namespace's rules: what people do to it, kills at any instant, and who goes by it when."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import traced
from faults.conftest import _same_calls
from files.children import finish, start
from files.needs import need_program, need_root

import fsstore
from fsstore import BadValue, SchemaViolation, Store, TooLarge
from fsstore.engines.files import rules as rules_module
from fsstore.engines.files import sidecars
from fsstore.engines.files.rules import NamespaceRules

__all__ = ["_same_calls"]
RULES = "default/.meta/.namespace.json"
OLD, NEW = {"type": "object", "title": "old"}, {"type": "object", "title": "new"}


@pytest.fixture
def path(scratch: Path) -> Path:
    """A store with a schema and a key."""
    with fsstore.open(scratch / "store") as store:
        store.schema("default", OLD)
        store.set("k", {"n": 1})
    return scratch / "store"


def test_it_is_what_a_person_would_have_typed(path: Path) -> None:
    assert (path / RULES).read_text() == json.dumps({"schema": OLD}, indent=2) + "\n"
    with fsstore.open(path) as store:
        assert store.list_keys() == ["k"]
        assert list(store.doctor()) == []


def test_members_that_are_not_known_stay(path: Path) -> None:
    (path / RULES).write_text('{"later": {"x": [1]}, "schema": {"type": "object"}}')
    with fsstore.open(path) as store:
        assert store.schema("default") == {"type": "object"}
        store.schema("default", NEW)
        assert json.loads((path / RULES).read_text()) == {"later": {"x": [1]}, "schema": NEW}


def test_it_keeps_its_mode(path: Path) -> None:
    (path / RULES).chmod(0o640)
    with fsstore.open(path) as store:
        store.schema("default", NEW)
    assert (path / RULES).stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "ends in the middle"),
        ("[]", "it should read"),
        ('{"schema": 3}', '"schema" is a JSON Schema'),
        ('{"schema": {"type": "objekt"}}', r"\$\.type"),
        ('{"ttl": -1}', '"ttl" is a number of seconds'),
        ('{"expires": "yes"}', '"expires" is true or false'),
        ('{"index": []}', '"index" should read'),
        ('{"a": 1, "a": 2}', "two members named 'a'"),
    ],
)
def test_a_damaged_one_hinders_writers_and_no_reader(text: str, reason: str, path: Path) -> None:
    (path / RULES).write_text(text)
    with fsstore.open(path) as store:
        store.use_namespace("other").set("k", 1)
        assert store.get("k") == {"n": 1}
        assert store.get_all() == {"k": {"n": 1}}
        with pytest.raises(BadValue, match=reason) as caught:
            store.set("k", {"n": 2})
        assert caught.value.path == str(path / RULES)
        assert str(path / RULES) in str(caught.value)
        assert "namespace 'default'" in str(caught.value)
        (finding,) = store.doctor()
        assert (finding.path, finding.problem) in [(RULES, "bad-value"), (RULES, "duplicate-members")]
        assert "remove it" in finding.detail
        assert [each.repair for each in store.doctor(fix=True)] == [""]
        assert (path / RULES).read_text() == text
        assert store.delete("k")
        (path / RULES).unlink()
    with fsstore.open(path) as store:
        store.set("k", "anything")
        assert list(store.doctor()) == []


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (lambda path: path.symlink_to("/etc/hostname"), "it is a symbolic link"),
    "a directory": (Path.mkdir, "a directory"),
    "a pipe": (os.mkfifo, "a named pipe"),
    "two megabytes": (lambda path: path.write_text(f'{{"a": "{"x" * 2_000_000}"}}'), "more than 1,048,576 bytes"),
    "conflict markers": (lambda path: path.write_text('<<<<<<< HEAD\n{"ttl": 1}\n'), "line 1, column 1: git conflict"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_file_of_rules_hinders_writers_and_no_reader(name: str, path: Path) -> None:
    make, reason = ODD[name]
    (path / RULES).unlink()
    make(path / RULES)
    with fsstore.open(path) as store:
        store.use_namespace("other").set("k", 1)
        assert store.get_all() == {"k": {"n": 1}}
        for write in (lambda: store.set("k", {"n": 2}), lambda: store.schema("default", NEW)):
            with pytest.raises(BadValue, match=reason) as caught:
                write()
            assert caught.value.path == str(path / RULES)
        assert RULES in {finding.path for finding in store.doctor()}


def test_a_mark_at_its_beginning_says_nothing(path: Path) -> None:
    (path / RULES).write_bytes(b"\xef\xbb\xbf" + (path / RULES).read_bytes())
    with fsstore.open(path) as store:
        store.set("k", {"n": 2})


def test_one_that_is_being_saved_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor empties the file and fills it: who looks in between waits for it."""
    (path / RULES).write_text("")
    looks: list[int] = []
    sound = rules_module.parse_rules

    def saving(raw: bytes) -> Any:
        looks.append(len(raw))
        if len(looks) == 1:
            os.utime(path / RULES)  # it is young, however slow this machine is
            try:
                return sound(raw)
            finally:
                (path / RULES).write_text(json.dumps({"schema": NEW}))
        return sound(raw)

    monkeypatch.setattr(rules_module, "parse_rules", saving)
    monkeypatch.setattr(rules_module, "_PATIENCE", 60.0)
    with fsstore.open(path) as store:
        assert store.schema("default") == NEW
    assert looks[0] == 0
    assert len(looks) == 2


def test_what_could_not_be_read_again_is_not_written(path: Path) -> None:
    with fsstore.open(path) as store:
        with pytest.raises(TooLarge, match="rules of namespace 'default'"):
            store.schema("default", {"enum": ["x" * 2_000_000]})
        assert store.schema("default") == OLD
        assert os.listdir(path / ".fsstore/tmp") == []


READER = """
import sys, fsstore
store = fsstore.open(sys.argv[1])
for line in sys.stdin:
    try:
        store.set("k", "text")
        print("stored", flush=True)
    except fsstore.SchemaViolation:
        print("refused", flush=True)
"""


def test_when_it_returns_every_process_goes_by_it(path: Path) -> None:
    writer = start(READER, path)
    assert writer.stdin is not None
    assert writer.stdout is not None

    def ask() -> str:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
        return writer.stdout.readline().strip()

    with fsstore.open(path) as store:
        for _ in range(20):
            store.schema("default", {"type": "object"})
            assert ask() == "refused"
            store.schema("default", None)
            assert ask() == "stored"
    writer.stdin.close()
    writer.stdin = None
    finish(writer)


def test_who_does_not_wait_is_seen(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: rules that count for ever once they were read, by a handle that read them before."""
    monkeypatch.setattr(rules_module, "_BELIEVED", 3600.0)
    with fsstore.open(path) as other:
        other.set("k", {"n": 2})  # it has read them
        with fsstore.open(path) as store:
            monkeypatch.setattr("fsstore.engines.files.writer.SETTLED", 0.0)
            store.schema("default", {"type": "string"})
        other.set("k", {"n": 3})


def state(root: Path) -> Any:
    with fsstore.open(root) as store:
        return store.schema("default")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("first", [True, False], ids=["made", "replaced"])
def test_killed_at_every_call_it_is_the_old_or_the_new(first: bool, scratch: Path) -> None:
    fresh, root = scratch / "fresh", scratch / "store"
    with fsstore.open(fresh) as store:
        store.set("k", {"n": 1})
        if not first:
            store.schema("default", OLD)
    old = None if first else OLD

    def prepared() -> Store:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(fresh, root)
        return fsstore.open(root, "agent")

    with prepared() as store:
        calls = traced.trace(lambda: store.schema("default", NEW), scratch / "log")
    assert {"fsync", "rename"} <= {call.name.removesuffix("at") for call in calls} | {"rename"}
    found = []
    for call in calls:
        with prepared() as store:
            ended = traced.run(lambda: store.schema("default", NEW), f"{call.name}:signal=KILL:when={call.nth}")
        assert ended.signal == signal.SIGKILL
        found.append(state(root))
        assert found[-1] in (old, NEW)
        with fsstore.open(root, "agent") as store:
            store.set("k", {"n": 2})
            store.schema("default", {"title": "next"})
            assert store.schema("default") == {"title": "next"}
            assert [finding for finding in store.doctor(fix=True) if not finding.repair] == []
            assert list(store.doctor()) == []
    assert found == sorted(found, key=lambda each: each == NEW)
    assert {str(each) for each in found} == {str(old), str(NEW)}


@pytest.mark.usefixtures("strace")
def test_a_write_in_place_is_seen(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flaw: the file is emptied and written again."""

    def in_place(self: NamespaceRules, namespace: str, members: Any, staged: bytes, note: Any) -> None:
        os.makedirs(f"{self._tree.root}/default/.meta", exist_ok=True)
        with open(f"{self._tree.root}/{RULES}", "wb") as file:
            file.write(json.dumps(members).encode())

    monkeypatch.setattr(NamespaceRules, "change", in_place)
    with pytest.raises((AssertionError, BadValue)):
        test_killed_at_every_call_it_is_the_old_or_the_new(False, scratch)


def test_it_is_durable_before_it_counts(path: Path, scratch: Path) -> None:
    """The content is on the disk before the name is, and the name before the call returns."""
    need_root()
    need_program("strace")
    with fsstore.open(path) as store:
        calls = traced.trace(lambda: store.schema("default", NEW), scratch / "log")
    names = [call.name for call in calls]
    renamed = next(
        at for at, call in enumerate(calls) if call.name.startswith("rename") and ".namespace.json" in call.arguments
    )
    assert "fsync" in names[:renamed]
    assert any(call.name == "fsync" and "/default/.meta>" in call.arguments for call in calls[renamed:])


def test_a_copy_and_a_moved_store_have_it(path: Path, scratch: Path) -> None:
    with fsstore.open(path) as store:
        store.backup(scratch / "copy")
    path.rename(scratch / "moved")
    for root in (scratch / "copy", scratch / "moved"):
        with fsstore.open(root) as store, pytest.raises(SchemaViolation):
            store.set("k", 1)


def test_beside_it_alone_no_key_is_looked_for_metadata(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    sound = sidecars.Sidecars.present

    def present(self: sidecars.Sidecars, place: Any) -> bool:
        looked.append(place.key)
        return sound(self, place)

    monkeypatch.setattr(sidecars.Sidecars, "present", present)
    with fsstore.open(path) as store:
        store.set("new", {"n": 1})
        assert looked == []
        store.set("with", {"n": 1}, metadata={"by": "hand"})
        store.delete("with")
        monkeypatch.setattr(sidecars, "_bare", {})
        shutil.copy(path / RULES, path / "default/.meta/newer.json")  # what a vanished record left behind
        looked.clear()
        store.set("newer", {"n": 1})
        assert looked == ["newer"]
        assert store.info("newer").metadata == {}
