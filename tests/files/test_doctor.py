"""The doctor finds each kind of trouble, by its path, and has nothing to say about a healthy store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fsstore import BadValue, Finding, Store

from .children import NOBODY, in_child, line, start
from .needs import need_root
from .surroundings import picture

Plant = Callable[[Path], object]


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


TROUBLE: dict[str, tuple[Plant, str, str]] = {
    "no JSON": (lambda r: text(r / "default/k.json", "{"), "default/k.json", "bad-value"),
    "duplicate members": (
        lambda r: text(r / "default/a/k.json", '{"a":1,"a":2}'),
        "default/a/k.json",
        "duplicate-members",
    ),
    "conflict markers": (
        lambda r: text(r / "default/k.json", '{\n<<<<<<< ours\n"a": 1\n=======\n"a": 2\n>>>>>>> theirs\n}\n'),
        "default/k.json",
        "conflict-markers",
    ),
    "case of a key": (lambda r: text(r / "default/GOOD.json", "1"), "default/good.json", "case-clash"),
    "case of a directory": (lambda r: text(r / "default/A/b.json", "1"), "default/a", "case-clash"),
    "case of a namespace": (lambda r: text(r / "Default/k.json", "1"), "default", "case-clash"),
    "bad sidecar": (lambda r: text(r / "default/.meta/good.json", "{"), "default/.meta/good.json", "bad-value"),
    "unescaped name": (lambda r: text(r / "default/a?b.json", "1"), "default/a?b.json", "not-canonical"),
    "over-escaped name": (lambda r: text(r / "default/%61.json", "1"), "default/%61.json", "not-canonical"),
    "lower-case hex": (lambda r: text(r / "default/a%3fb.json", "1"), "default/a%3fb.json", "not-canonical"),
    "unescaped directory": (lambda r: text(r / "default/a?b/k.json", "1"), "default/a?b/k.json", "not-canonical"),
    "hidden file": (lambda r: text(r / "default/.k.json", "1"), "default/.k.json", "not-canonical"),
    "at the top": (lambda r: text(r / "k.json", "1"), "k.json", "not-canonical"),
    "odd namespace": (lambda r: text(r / "a?b/k.json", "1"), "a?b/k.json", "not-canonical"),
    "text file": (lambda r: text(r / "default/notes.md", "hi"), "default/notes.md", "foreign"),
    "text file at the top": (lambda r: text(r / "notes", "hi"), "notes", "foreign"),
    "editor's backup": (lambda r: text(r / "default/good.json~", "1"), "default/good.json~", "foreign"),
    "link": (lambda r: (r / "default/k.json").symlink_to("good.json"), "default/k.json", "not-regular"),
    "linked directory": (lambda r: (r / "default/d").symlink_to("/"), "default/d", "not-regular"),
    "linked namespace": (lambda r: (r / "other").symlink_to("default"), "other", "not-regular"),
    "FIFO": (lambda r: os.mkfifo(r / "default/k.json"), "default/k.json", "not-regular"),
    "directory": (lambda r: (r / "default/k.json").mkdir(), "default/k.json", "not-regular"),
    "orphan": (lambda r: text(r / "default/.meta/gone.json", "{}"), "default/.meta/gone.json", "orphaned-metadata"),
    "orphan below": (lambda r: text(r / "x/.meta/a/b.json", "{}"), "x/.meta/a/b.json", "orphaned-metadata"),
}


@pytest.fixture
def healthy(disk: Store) -> Store:
    """Keys, metadata, names of all sorts, and what belongs to git."""
    disk.set_many({"good": 1, "a:b": [2], "a/b": {}, ".git/config": 1, "x" * 500: 1, "e\u0301": 1, "": 0}, {"m": 1})
    disk.use_namespace("files:apache/mina").set("src/main.py", "text")
    return disk


def test_a_healthy_store(healthy: Store, root: Path) -> None:
    assert list(healthy.doctor()) == []
    subprocess.run(["git", "init", "-q", root], check=True)
    for name in (".gitignore", ".gitattributes"):
        (root / name).touch()
    assert list(healthy.doctor()) == []


@pytest.mark.parametrize("name", TROUBLE)
def test_each_trouble_is_found(healthy: Store, root: Path, name: str) -> None:
    plant, path, problem = TROUBLE[name]
    plant(root)
    before = picture(root)
    found = list(healthy.doctor())
    assert [(finding.path, finding.problem) for finding in found] == [(path, problem)]
    assert len(found[0].detail) > 10
    assert picture(root) == before, "it only looks"


def test_several_at_once_in_the_order_of_their_paths(healthy: Store, root: Path) -> None:
    for name in ("no JSON", "text file", "linked namespace", "orphan"):
        TROUBLE[name][0](root)
    found = [(finding.path, finding.problem) for finding in healthy.doctor()]
    assert sorted(found) == sorted(TROUBLE[name][1:] for name in ("no JSON", "text file", "linked namespace", "orphan"))


def test_a_bad_value_has_its_place(healthy: Store, root: Path) -> None:
    text(root / "default/k.json", '{\n  "a": 1,\n  "a": 2\n}\n')
    (found,) = healthy.doctor()
    assert "line 3, column 3" in found.detail


HALF_DONE = """
import sys, fsstore
from fsstore.engines.files.placing import Placing

def stop(*args):
    print("half", flush=True)
    sys.stdin.readline()

Placing.apply = stop
fsstore.open(sys.argv[1]).set_many({"a": 1, "b": 2, "c": 3})
"""


def test_leftovers_of_dead_processes_alone(healthy: Store, root: Path) -> None:
    """A commit of several keys that is under way is nobody's trouble; that of a killed writer is, with its files."""
    writer = start(HALF_DONE, root)
    assert line(writer) == "half"
    assert list(healthy.doctor()) == []
    writer.kill()
    writer.wait()
    found = {(finding.path.rpartition("/")[0], finding.problem) for finding in healthy.doctor()}
    assert found == {(".fsstore/commits", "leftover"), (".fsstore/tmp", "leftover")}
    healthy.set("a", 0)
    assert healthy.get_many(["a", "b", "c"]) == {"a": 0, "b": 2, "c": 3}
    assert list(healthy.doctor()) == []


def test_what_a_person_put_among_the_staged_files(healthy: Store, root: Path) -> None:
    (root / ".fsstore" / "tmp" / "notes").write_text("mine")
    assert [(finding.path, finding.problem) for finding in healthy.doctor()] == [(".fsstore/tmp/notes", "foreign")]


def test_a_case_clash_names_both_keys(healthy: Store, root: Path) -> None:
    healthy.set("Good", 1)
    (found,) = healthy.doctor()
    assert "key 'Good' of namespace 'default' and key 'good' of namespace 'default' differ" in found.detail
    text(root / "default/notes.md", "of no key")
    text(root / "default/NOTES.md", "of no key either")
    assert [each.problem for each in healthy.doctor()].count("case-clash") == 1


def test_metadata_ahead_of_its_key_is_no_orphan(disk: Store, root: Path) -> None:
    """A commit places one file after the other."""
    disk.set("k", 1, {"m": 1})
    path, away = root / "default" / "k.json", root.parent / "k.json"

    def look(value: int) -> int:
        path.rename(away)
        assert list(disk.doctor()) == []
        away.rename(path)
        return value + 1

    disk.update("k", look)
    assert disk.info("k").metadata == {"m": 1}
    path.rename(away)
    assert [finding.problem for finding in disk.doctor()] == ["orphaned-metadata"]


def test_a_value_over_the_limit(healthy: Store, root: Path) -> None:
    with (root / "default" / "k.json").open("wb") as file:
        file.truncate(10 << 30)
    (found,) = healthy.doctor()
    assert found.path == "default/k.json"
    assert "limit" in found.detail


def test_what_may_not_be_read(healthy: Store, root: Path) -> None:
    """It is reported, a directory too; the rest is examined all the same."""
    need_root()
    list(healthy.doctor())
    text(root / "default" / "closed" / "k.json", "1")
    (root / "default" / "closed").chmod(0o700)
    (root / "default" / "good.json").chmod(0o600)
    text(root / "z" / "k.json", "{")

    def check() -> None:
        found = {finding.path: finding.problem for finding in healthy.doctor()}
        assert found == {
            "default/closed": "unreadable",
            "default/good.json": "unreadable",
            "z/k.json": "bad-value",
        }

    in_child(check, uid=NOBODY)


def test_undecodable_names_can_be_reported(healthy: Store, root: Path) -> None:
    with open(os.fsencode(root) + b"/default/\xff.json", "wb") as file:
        file.write(b"1")
    (found,) = healthy.doctor()
    assert isinstance(found, Finding)
    assert os.fsencode(found.path) == b"default/\xff.json"
    assert found.problem == "not-canonical"


def test_files_that_vanish_meanwhile(healthy: Store, root: Path) -> None:
    """People and agents go on while the doctor walks."""
    healthy.set_many({f"many:{number}": number for number in range(200)})
    walk = healthy.doctor()
    text(root / "default" / "a.txt", "foreign, so that the walk stops here")
    assert next(walk).path == "default/a.txt"
    healthy.delete_prefix("many:")
    for name in ("%.json", "good.json"):
        (root / "default" / name).unlink()
    problems = {finding.problem for finding in walk}
    assert problems <= {"orphaned-metadata"}


def test_a_misnamed_file_is_told_its_name(disk: Store, root: Path) -> None:
    disk.set("a", 1)
    for name in ("default/con.json", "default/a?b.json", "default/x/%79.json", "top.json"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1")
    details = {finding.path: finding.detail for finding in disk.doctor()}
    assert "if key 'con' is meant, rename it to default/%63on.json" in details["default/con.json"]
    assert "if key 'a?b' is meant, rename it to default/a%3Fb.json" in details["default/a?b.json"]
    assert "if key 'x:y' is meant, rename it to default/x/y.json" in details["default/x/%79.json"]
    assert "move it into one" in details["top.json"]


def test_a_sidecar_of_another_shape(disk: Store, root: Path) -> None:
    disk.set("k", 1, {"m": 1})
    sidecar = root / "default" / ".meta" / "k.json"
    sidecar.write_text("[1]")
    assert [(finding.path, finding.problem) for finding in disk.doctor()] == [("default/.meta/k.json", "bad-value")]
    with pytest.raises(BadValue, match="Mend that file, or remove it"):
        disk.info("k")
    sidecar.unlink()
    assert disk.info("k").metadata == {}


def test_a_path_too_long_for_a_key(disk: Store, root: Path) -> None:
    """It can be made by hand, below the store; no verb takes it for a key, and none fails on it."""
    disk.set("a", 1)
    fd = os.open(root / "default", os.O_RDONLY)
    for _ in range(18):
        os.mkdir("d" * 199, dir_fd=fd)
        below = os.open("d" * 199, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    file = os.open("k.json", os.O_WRONLY | os.O_CREAT, 0o666, dir_fd=fd)
    os.write(file, b"1\n")
    os.close(file)
    os.close(fd)
    assert disk.list_keys() == ["a"]
    assert disk.get_all() == dict(disk.scan()) == {"a": 1}
    assert "not-canonical" in {finding.problem for finding in disk.doctor()}
    assert disk.clear() == 1


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        ("default/A%2Fb.json", "A/b", "default/A%2F/b.json"),
        ("default/src%2F/main/B?.json", "src/main/B?", "default/src%2F/main/B%3F.json"),
        ("default/a/b|c.json", "a:b|c", "default/a/b%7Cc.json"),
    ],
)
def test_the_key_that_is_meant(disk: Store, root: Path, path: str, key: str, place: str) -> None:
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text("1\n")
    (finding,) = disk.doctor()
    assert finding.problem == "not-canonical"
    assert f"if key {key!r} is meant, rename it to {place}" in finding.detail
