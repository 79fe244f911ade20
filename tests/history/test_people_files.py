"""What people put into a store's directory: all of it is committed as it is, as theirs."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from files.children import NOBODY, fork, join

from fsstore.errors import BadValue

from .stores import StoreRepo, python


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=2, c=3)
    return found


def edit(repo: StoreRepo) -> None:
    repo.write("a", '"edited"\n')


def same_size(repo: StoreRepo) -> None:
    repo.write("a", "7\n")


def create(repo: StoreRepo) -> None:
    repo.write("deep/new", "1\n")


def remove(repo: StoreRepo) -> None:
    repo.path("a").unlink()


def move(repo: StoreRepo) -> None:
    repo.path("a").rename(repo.path("moved"))


def executable(repo: StoreRepo) -> None:
    repo.path("a").chmod(0o755)


def link(repo: StoreRepo) -> None:
    repo.path("a").unlink()
    repo.path("a").symlink_to("b.json")


def dangling(repo: StoreRepo) -> None:
    repo.path("new").symlink_to("/nowhere/at/all")


def empty(repo: StoreRepo) -> None:
    repo.write("a", "")


def no_json(repo: StoreRepo) -> None:
    repo.write("a", '{"half": ')


def no_text(repo: StoreRepo) -> None:
    repo.path("a").write_bytes(b"\xff\xfe\x00\r\n\x00")


def carriage_returns(repo: StoreRepo) -> None:
    repo.path("a").write_bytes(b'{\r\n  "a": 1\r\n}\r\n')


def directory(repo: StoreRepo) -> None:
    repo.path("a").unlink()
    repo.path("a").mkdir()
    (repo.path("a") / "inside.json").write_text("1\n")


def no_utf8(repo: StoreRepo) -> None:
    Path(os.fsdecode(os.fsencode(repo.root / "default") + b"/\xff\xfe.json")).write_text("1\n")


def odd_name(repo: StoreRepo) -> None:
    (repo.root / "default" / 'new\nline "and" \t tab.json').write_text("1\n")


def other_files(repo: StoreRepo) -> None:
    (repo.root / "notes.txt").write_text("by hand\n")
    (repo.root / "docs").mkdir()
    (repo.root / "docs" / "more.txt").write_text("by hand\n")


def a_namespace(repo: StoreRepo) -> None:
    shutil.rmtree(repo.root / "default")


def a_file_for_a_namespace(repo: StoreRepo) -> None:
    shutil.rmtree(repo.root / "default")
    (repo.root / "default").write_text("no directory\n")


def settings(repo: StoreRepo) -> None:
    (repo.root / "README.md").write_text("ours\n")
    (repo.root / ".gitignore").unlink()
    (repo.root / ".gitignore").write_text("/.fsstore/\n*.bak\n")


EDITS: list[Callable[[StoreRepo], None]] = [
    edit,
    same_size,
    create,
    remove,
    move,
    executable,
    link,
    dangling,
    empty,
    no_json,
    no_text,
    carriage_returns,
    directory,
    no_utf8,
    odd_name,
    other_files,
    a_namespace,
    a_file_for_a_namespace,
    settings,
]


IN_PLACE = [edit, same_size, executable, empty, no_json, no_text, carriage_returns]
"""They alter no directory, so that they are found when every file is looked at."""


@pytest.mark.parametrize("change", EDITS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("verify", [True, False])
def test_it_is_committed_as_it_is_and_taken_back(
    repo: StoreRepo, change: Callable[[StoreRepo], None], verify: bool
) -> None:
    """The tree of the commit is the one that git itself would make; then all is put back as it was."""
    before, tree = repo.head(), repo.git("rev-parse", "HEAD^{tree}").strip()
    kept = repo.root.parent / "kept"
    shutil.copytree(repo.root / "default", kept, symlinks=True)
    with repo.open("watcher", git=True) as store:
        store.snapshot(verify=True)
        change(repo)
        assert store.snapshot(verify=verify or change in IN_PLACE) is not None
        assert {commit.partition(":")[0] for commit in repo.commits(before)} == {"Ann"}
        repo.check()
        assert repo.git("rev-parse", "HEAD^{tree}").strip() == _tree_of_git(repo)
        _put_back(repo, kept)
        store.snapshot(verify=True)
    if change not in (other_files, settings):
        assert repo.git("rev-parse", "HEAD^{tree}").strip() == tree
    repo.check()


def _tree_of_git(repo: StoreRepo) -> str:
    """The tree that git makes of the work tree, in an index of its own."""
    index = str(repo.home / "index")
    repo.git("add", "-A", "-f", "--", ".", ":!.fsstore", GIT_INDEX_FILE=index)
    return repo.git("write-tree", GIT_INDEX_FILE=index).strip()


def _put_back(repo: StoreRepo, kept: Path) -> None:
    default = repo.root / "default"
    if default.is_dir():
        shutil.rmtree(default)
    else:
        default.unlink(missing_ok=True)
    shutil.copytree(kept, default, symlinks=True)


def test_no_json_is_committed_with_a_warning(repo: StoreRepo, caplog: pytest.LogCaptureFixture) -> None:
    repo.write("a", '{"a": 1,}\n')
    with caplog.at_level(logging.WARNING):
        repo.snapshot()
    assert "default/a.json goes into the history as it is, no value: line 1, column 8" in caplog.text
    assert repo.at("default/a.json") == '{"a": 1,}\n'
    with repo.open() as store:
        version = next(store.history("a"))
        assert isinstance(version.new, BadValue)
        assert store.get("b") == 2


def test_a_pipe_stays_out(repo: StoreRepo, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(repo.path("pipe"))
    repo.path("a").unlink()
    os.mkfifo(repo.path("a"))
    with caplog.at_level(logging.WARNING):
        repo.run("other", b=20)
    assert "default/pipe.json stays out of the history" in caplog.text
    assert repo.commits()[-1] == "other: M default/b.json"
    repo.path("a").unlink()
    repo.path("pipe").unlink()
    repo.snapshot()
    assert repo.commits()[-1] == "Ann: D default/a.json"
    repo.check()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_a_file_that_may_not_be_read_stays_as_it_was(repo: StoreRepo) -> None:
    repo.write("a", '"secret"\n').chmod(0)
    for path in (repo.root, *repo.root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    before = repo.git("rev-parse", "HEAD", check=False)

    def snapshot() -> None:
        with repo.open("other") as store:
            store.set("b", 20)
            store.snapshot(verify=True)

    join(fork(snapshot, uid=NOBODY))
    assert before
    for path in (repo.root, *repo.root.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    assert repo.commits()[-1] == "other: M default/b.json"
    repo.path("a").chmod(0o644)
    repo.snapshot()
    assert repo.commits()[-1] == "Ann: M default/a.json"
    repo.check()


def test_ignored_files_stay_out_and_keys_do_not(repo: StoreRepo) -> None:
    before = repo.head()
    (repo.root / ".gitignore").write_text("/.fsstore/\n*.bak\n*.json\nscratch/\n")
    (repo.root / "notes.bak").write_text("1\n")
    (repo.root / "scratch").mkdir()
    (repo.root / "scratch" / "any.txt").write_text("1\n")
    repo.write("new", "1\n")
    with repo.open("other") as store:
        store.use_namespace("scratch").set("k", 1)
        store.snapshot(verify=True)
    assert repo.commits(before) == ["Ann: M .gitignore, A default/new.json", "other: A scratch/k.json"]
    repo.check()


def test_a_repository_in_the_store_is_left_alone(repo: StoreRepo) -> None:
    inner = repo.root / "default" / "inner"
    inner.mkdir()
    repo.git("init", "-q", str(inner))
    (inner / "a.json").write_text("1\n")
    before = repo.head()
    repo.run("other", b=20)
    assert repo.commits(before) == ["other: M default/b.json"]
    repo.check("?? default/inner/")


def test_a_submodule_is_left_alone(repo: StoreRepo) -> None:
    outside = repo.root.parent / "outside"
    repo.git("init", "-q", str(outside))
    repo.git(
        "-C", str(outside), "-c", "user.name=B", "-c", "user.email=b@b", "commit", "-q", "--allow-empty", "-m", "x"
    )
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(outside), "inner")
    assert repo.snapshot() is None
    assert repo.status() == ["A  .gitmodules", "A  inner"]
    repo.git("commit", "-qm", "a submodule")
    before = repo.head()
    assert repo.snapshot() is None
    repo.run("other", b=20)
    assert repo.commits(before) == ["other: M default/b.json"]
    repo.check()


@pytest.mark.parametrize("where", ["repository", "global", "nowhere", "included"])
def test_whose_edits_they_are(repo: StoreRepo, where: str) -> None:
    if where != "repository":
        repo.git("config", "--unset", "user.name")
        repo.git("config", "--unset", "user.email")
    if where == "global":
        repo.git("config", "--global", "user.name", "Global <Person>")
        repo.git("config", "--global", "user.email", "global@example.org")
    if where == "included":
        (repo.home / "more").write_text("[user]\n\tname = Included\n\temail = included@example.org\n")
        repo.git("config", "--global", "include.path", "more")
        shutil.move(repo.home / ".gitconfig", repo.home / "config")
        (repo.home / ".config/git").mkdir(parents=True)
        (repo.home / "more").rename(repo.home / ".config/git/more")
        (repo.home / "config").rename(repo.home / ".config/git/config")
    repo.write("a", '"mine"\n')
    done = python(repo, "-c", f"import fsstore; fsstore.open({str(repo.root)!r}).snapshot(verify=True)")
    assert done.returncode == 0, done.stderr
    expected = {
        "repository": "Ann <ann@example.org>",
        "global": "Global Person <global@example.org>",
        "nowhere": "unknown <unknown@localhost>",
        "included": "Included <included@example.org>",
    }
    assert repo.git("log", "-1", "--format=%an <%ae>").strip() == expected[where]
    repo.check()


def test_a_namespace_that_becomes_a_symbolic_link_and_back(repo: StoreRepo) -> None:
    with repo.open() as store:
        store.use_namespace("other").set_many({"a:b": 1, "c": 2}, metadata={"m": 1})
        store.snapshot()
    away = repo.root.parent / "away"
    (repo.root / "other").rename(away)
    (repo.root / "other").symlink_to(away)
    before = repo.head()
    repo.snapshot()
    repo.check()
    (repo.root / "other").unlink()
    away.rename(repo.root / "other")
    repo.snapshot()
    repo.check()
    gone = "D other/.meta/a/b.json, D other/.meta/c.json, D other/a/b.json, D other/c.json"
    assert repo.commits(before) == [f"Ann: A other, {gone}", f"Ann: D other, {gone.replace('D ', 'A ')}"]
