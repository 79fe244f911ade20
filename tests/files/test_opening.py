"""Opening and making a store: what is accepted, what is refused untouched, odd paths, and many at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

import fsstore
from fsstore import NotAStore, Store, StoreError, StoreMissing, Unsupported
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree

from .children import NOBODY, finish, in_child, line, start, tell
from .needs import need, need_program, need_root
from .surroundings import picture


def identity(root: Path) -> str:
    return str(json.loads((root / "fsstore.json").read_text())["id"])


def test_a_new_store_is_what_the_format_says(scratch: Path) -> None:
    with fsstore.open(scratch / "a" / "b" / "store"):
        pass
    root = scratch / "a" / "b" / "store"
    marker = json.loads((root / "fsstore.json").read_text())
    assert marker == {"format": 1, "id": str(uuid.UUID(marker["id"])), "settings": {}}
    assert (root / "README.md").is_file()
    assert (root / ".fsstore" / "tmp").is_dir()
    with fsstore.open(root) as store:
        assert store.list_namespaces() == []
    assert identity(root) == marker["id"]


@pytest.mark.parametrize(
    "content", ["notes.txt", "default/k.json", ".hidden", "README.md", ".gitignore/x", "fsstore.jsn"]
)
def test_a_directory_with_other_things_is_refused_untouched(scratch: Path, content: str) -> None:
    path = scratch / "full" / content
    path.parent.mkdir(parents=True)
    path.write_text("somebody's")
    before = picture(scratch)
    for options in ({}, {"create": False}, {"read_only": True}):
        with pytest.raises((NotAStore, StoreMissing)) as caught:
            fsstore.open(scratch / "full", **options)  # type: ignore[arg-type]
        assert str(scratch / "full") in str(caught.value)
        assert picture(scratch) == before
    with pytest.raises(NotAStore, match="adopt"):
        fsstore.open(scratch / "full")


@pytest.mark.parametrize("content", ["nothing", "git", "interrupted", "runtime"])
def test_what_may_become_a_store(scratch: Path, content: str) -> None:
    root = scratch / "store"
    root.mkdir()
    if content == "git":
        need_program("git")
        subprocess.run(["git", "init", "-q", root], check=True)
    if content in ("interrupted", "runtime"):
        fsstore.open(root).close()
        (root / "fsstore.json").unlink()
        (root / ".fsstore" / "tmp" / "1-dead-0").write_text("half")
    if content == "runtime":
        for path in root.iterdir():
            if path.is_file():
                path.unlink()
    with fsstore.open(root) as store:
        store.set("k", 1)
        assert store.get("k") == 1
    assert (root / "README.md").is_file()
    assert uuid.UUID(identity(root))


def test_a_store_is_not_made_unless_asked(scratch: Path) -> None:
    (scratch / "empty").mkdir()
    for path in (scratch / "nothing", scratch / "empty"):
        for options in ({"create": False}, {"read_only": True}):
            with pytest.raises(StoreMissing) as caught:
                fsstore.open(path, **options)  # type: ignore[arg-type]
            assert caught.value.path == str(path)
            assert isinstance(caught.value, FileNotFoundError)
    assert sorted(os.listdir(scratch)) == ["empty"]
    assert os.listdir(scratch / "empty") == []


@pytest.mark.parametrize("below", ["", "below"])
@pytest.mark.parametrize("options", [{}, {"create": False}, {"read_only": True}], ids=str)
def test_a_path_that_is_a_file(scratch: Path, below: str, options: dict[str, bool]) -> None:
    (scratch / "file").write_text("somebody's")
    with pytest.raises(StoreError) as caught:
        fsstore.open(scratch / "file" / below, **options)  # type: ignore[arg-type]
    assert type(caught.value) in ((NotAStore,) if not options else (NotAStore, StoreMissing))
    assert str(scratch / "file") in str(caught.value)
    assert (scratch / "file").read_text() == "somebody's"


def test_a_path_that_may_not_be_entered(scratch: Path) -> None:
    need_root()
    (scratch / "closed").mkdir(mode=0o700)
    (scratch / "others").mkdir(mode=0o755)

    def check() -> None:
        for path in (scratch / "closed" / "store", scratch / "others" / "store", scratch / "others"):
            with pytest.raises(fsstore.AccessDenied) as caught:
                fsstore.open(path)
            assert str(scratch) in str(caught.value)

    in_child(check, uid=NOBODY)


def test_a_path_through_a_linked_parent(scratch: Path) -> None:
    (scratch / "real").mkdir()
    (scratch / "linked").symlink_to("real")
    with fsstore.open(scratch / "linked" / "store") as store:
        store.set("a:b", 1)
        assert store.get("a:b") == 1
    (scratch / "direct").symlink_to(scratch / "real" / "store")
    with fsstore.open(scratch / "direct") as store:
        assert store.get_all() == {"a:b": 1}
        assert store.info("a:b").path == str(scratch / "real" / "store" / "default" / "a" / "b.json")


@pytest.mark.parametrize("length", [1000, 3000, 4000])
def test_a_very_long_root(scratch: Path, opener: str, length: int) -> None:
    """With the root so deep that a key's whole path is more than the kernel takes in one call."""
    root = str(scratch)
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    while len(root) < length:
        name = "d" * min(200, max(1, length - len(root) - 1))
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here, root = below, f"{root}/{name}"
    os.close(here)
    keys = ["k", "a:b", "x" * 1500, ":".join("segment" * 10 for _ in range(20))]
    with fsstore.open(root) as store:
        for key in keys:
            assert store.exists(key) is False
            store.set(key, ["old", key])
            store.set(key, ["new", key], {"m": 1})
            assert store.get(key) == ["new", key]
            assert store.exists(key) is True
            assert store.info(key).metadata == {"m": 1}
        assert store.list_keys() == sorted(keys)
        assert store.get_all() == {key: ["new", key] for key in sorted(keys)}
        assert dict(store.items()) == store.get_all()
        assert store.stats().keys == len(keys)
        if length == 1000:
            assert list(store.doctor()) == []
        for key in keys:
            assert store.delete(key) is True
            store.set(key, "again")
            assert store.info(key).metadata == {}
            assert store.delete(key) is True
        assert store.list_keys() == []


def test_two_processes_make_one_store(scratch: Path) -> None:
    code = (
        "import json, pathlib, sys, fsstore\n"
        "for path in sys.stdin:\n"
        "    with fsstore.open(path.strip()) as store:\n"
        "        store.set(f'by:{sys.argv[1]}', 1)\n"
        "        marker = pathlib.Path(path.strip(), 'fsstore.json').read_text()\n"
        "        print(json.loads(marker)['id'], flush=True)\n"
    )
    both = [start(code, name) for name in ("ann", "bob")]
    for number in range(20):
        root = scratch / f"store{number}"
        for process in both:
            tell(process, str(root))
        ids = [line(process) for process in both]
        assert ids == [identity(root)] * 2
        with fsstore.open(root) as store:
            assert store.list_keys() == ["by:ann", "by:bob"]
            assert list(store.doctor()) == []
    for process in both:
        finish(process)


def test_a_race_to_make_a_store_is_no_refusal(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process makes the store, and a key in it, right after we saw that there was none."""
    root = scratch / "store"
    look = layout.read_marker
    winner: list[Store] = []

    def late(tree: Tree) -> layout.Marker:
        try:
            return look(tree)
        finally:
            if not winner:
                monkeypatch.setattr(layout, "read_marker", look)
                winner.append(fsstore.open(root))
                winner[0].set("k", 1)

    monkeypatch.setattr(layout, "read_marker", late)
    with fsstore.open(root) as loser, winner[0]:
        assert loser.get("k") == 1


def test_a_disk_without_flock_is_refused(scratch: Path) -> None:
    strace = need_program("strace")
    root = scratch / "store"
    fsstore.open(root).close()
    code = (
        "import sys, fsstore\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        fsstore.open(path)\n"
        "    except fsstore.Unsupported as error:\n"
        "        print('refused', error.path, 'read_only=True' in str(error))\n"
        "with fsstore.open(sys.argv[1], read_only=True) as store:\n"
        "    print('read', store.list_keys())\n"
    )
    for name in ("EOPNOTSUPP", "ENOLCK", "ENOSYS"):
        options = ("-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", f"inject=flock:error={name}")
        process = start(code, root, scratch / "new", before=(strace, *options))
        out, err = process.communicate(timeout=100)
        need("PTRACE" not in err and "ptrace" not in err, "needs the right to trace")
        assert process.returncode == 0, err
        assert out == f"refused {root} True\nrefused {scratch / 'new'} True\nread []\n"
        assert not (scratch / "new" / "fsstore.json").exists()
        shutil.rmtree(scratch / "new")


def test_unknown_durability_is_refused(scratch: Path) -> None:
    with pytest.raises(Unsupported, match="forever"):
        fsstore.open(scratch / "store", durability="forever")
