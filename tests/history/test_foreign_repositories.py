"""Stores that came from elsewhere with a repository made to do harm: nothing runs, and nothing outside is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from files.children import NOBODY

import fsstore
from fsstore.errors import HistoryUnavailable, StoreError

from .foreign import copied, outside, set_config, setting
from .stores import StoreRepo, python

HOOKS = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
    "reference-transaction",
    "push-to-checkout",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "fsmonitor-watchman",
    "post-index-change",
]


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return copied(scratch)


def keys_work(repo: StoreRepo) -> None:
    """All that needs no history."""
    with repo.open("here") as store:
        assert store.get("b") == 2
        store.set("new", "value")
        store.delete("c")
        with store.run("runner") as data:
            data.set("a", "of a run")
        assert store.get_many(["a", "new", "c"]) == {"a": "of a run", "new": "value"}
        assert sorted(store.list_keys()) == ["a", "b", "first", "new"]


def all_of_history(repo: StoreRepo) -> Iterator[Callable[[fsstore.Store], object]]:
    """Everything that a history can be asked for."""
    yield lambda store: store.snapshot(verify=True)
    yield lambda store: list(store.log())
    yield lambda store: list(store.log(key="a"))
    yield lambda store: list(store.history("a"))
    yield lambda store: store.at("HEAD").get("b")
    yield lambda store: store.diff("HEAD")
    yield lambda store: store.diff("HEAD~1", "HEAD")
    yield lambda store: store.blame("b")
    yield lambda store: store.restore("HEAD", key="b")
    yield lambda store: store.gc()


# -- what is harmless because it is never run ----------------------------------------------------------


def evil(repo: StoreRepo) -> str:
    """A command that leaves a file outside, whatever it is called for."""
    script = repo.root / "evil"
    script.write_text(f"#!/bin/sh\necho ran >> {repo.root.parent}/outside/ran\ncat\n")
    script.chmod(0o755)
    return str(script)


def hooks(repo: StoreRepo) -> None:
    (repo.root / ".git/hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        shutil.copy(evil(repo), repo.root / ".git/hooks" / name)


def hooks_elsewhere(repo: StoreRepo) -> None:
    (repo.root / "tools").mkdir()
    for name in HOOKS:
        shutil.copy(evil(repo), repo.root / "tools" / name)
    repo.git("config", "core.hooksPath", "tools")


def filters(repo: StoreRepo) -> None:
    command = evil(repo)
    (repo.root / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    shutil.copy(repo.root / ".gitattributes", repo.root / ".git/info/attributes")
    for name in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.evil.command"):
        set_config(repo, name, command)
    set_config(repo, "filter.evil.process", command)
    set_config(repo, "filter.evil.required", "true")
    set_config(repo, "merge.evil.driver", command)


def commands(repo: StoreRepo) -> None:
    command = evil(repo)
    names = "core.fsmonitor core.sshCommand core.editor core.pager core.askPass diff.external gpg.program"
    for name in [*names.split(), "credential.helper", "sequence.editor", "uploadpack.packObjectsHook", "alias.log"]:
        set_config(repo, name, command)
    set_config(repo, "commit.gpgSign", "true")


@pytest.mark.parametrize("harm", [hooks, hooks_elsewhere, filters, commands], ids=lambda harm: harm.__name__)
def test_nothing_is_run(repo: StoreRepo, harm: Callable[[StoreRepo], None]) -> None:
    harm(repo)
    before = outside(repo)
    keys_work(repo)
    with repo.open("here") as store:
        for ask in all_of_history(repo):
            ask(store)
        store.set("a", {"more": 1})
        assert store.snapshot() is not None
    assert outside(repo) == before
    committed = (repo.root / "default/a.json").read_bytes().decode()
    assert repo.git("cat-file", "blob", "HEAD:default/a.json") == committed


# -- what would have something written elsewhere -------------------------------------------------------


def moved(name: str) -> Callable[[StoreRepo], None]:
    """A part of the repository lies elsewhere, behind a symbolic link."""

    def harm(repo: StoreRepo) -> None:
        path = repo.root / name
        there = repo.root.parent / "outside" / path.name
        if path.exists():
            shutil.move(path, there)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(there)

    harm.__name__ = f"link {name}"
    return harm


def with_branch(branch: str, link: str) -> Callable[[StoreRepo], None]:
    """The branch's name leads through a link."""

    def harm(repo: StoreRepo) -> None:
        repo.git("switch", "-qc", branch)
        moved(link)(repo)

    harm.__name__ = f"branch {branch} link {link}"
    return harm


def contents(name: str, text: str) -> Callable[[StoreRepo], None]:
    """A file of the repository says so."""

    def harm(repo: StoreRepo) -> None:
        path = repo.root / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("OUTSIDE", str(repo.root.parent / "outside")))

    harm.__name__ = f"{name} {text.strip()}"
    return harm


def git_file(repo: StoreRepo) -> None:
    shutil.move(repo.root / ".git", repo.root.parent / "outside" / "git")
    (repo.root / ".git").write_text(f"gitdir: {repo.root.parent}/outside/git\n")


ELSEWHERE = [
    git_file,
    *(
        moved(f".git{name}")
        for name in (
            "",
            "/objects",
            "/objects/pack",
            "/objects/aa",
            "/refs",
            "/refs/heads",
            "/refs/heads/main",
            "/logs",
            "/logs/HEAD",
            "/logs/refs",
            "/logs/refs/heads",
            "/logs/refs/heads/main",
            "/index",
            "/index.lock",
            "/HEAD",
            "/config",
            "/packed-refs",
            "/fsstore",
            "/fsstore/lock",
            "/fsstore/changes",
        )
    ),
    with_branch("deep/er/branch", ".git/refs/heads/deep/er"),
    with_branch("deep/er/branch", ".git/refs/heads/deep/er/branch"),
    with_branch("deep/er/branch", ".git/logs/refs/heads/deep/er"),
    with_branch("deep/er/branch", ".git/logs/refs/heads/deep/er/branch"),
    contents("commondir", "OUTSIDE\n"),
    contents("gitdir", "OUTSIDE\n"),
    contents("objects/info/alternates", "OUTSIDE\n"),
    contents("objects/info/http-alternates", "http://localhost/\n"),
    contents("HEAD", "ref: ../../outside/branch\n"),
    contents("HEAD", "ref: refs/heads/../../../../outside/branch\n"),
    contents("HEAD", "ref: OUTSIDE/branch\n"),
    contents("config.worktree", "[core]\n\tworktree = OUTSIDE\n"),
    contents("config", "[core] bare = false\n[core] worktree = OUTSIDE\n"),
    contents("config", '[core]\n\tbare = false\n[include "x"]\n[INCLUDE]\n\tpath = OUTSIDE/config\n'),
    setting("core.worktree", "OUTSIDE"),
    setting("core.bare", "true"),
    setting("include.path", "OUTSIDE/config"),
    setting("includeIf.gitdir:/.path", "OUTSIDE/config"),
    setting("extensions.objectFormat", "sha256"),
    setting("extensions.refStorage", "reftable"),
    setting("extensions.partialClone", "origin"),
]


@pytest.mark.parametrize("harm", ELSEWHERE, ids=lambda harm: harm.__name__)
def test_nothing_is_written_elsewhere(repo: StoreRepo, harm: Callable[[StoreRepo], None]) -> None:
    harm(repo)
    before = outside(repo)
    keys_work(repo)
    with repo.open("here") as store:
        for number, ask in enumerate(all_of_history(repo)):
            try:
                ask(store)
            except StoreError as error:
                assert str(repo.root) in str(error)  # noqa: PT017
            else:
                assert number, "a snapshot was made"
    assert outside(repo) == before


REFUSED = [harm for harm in ELSEWHERE if "HEAD ref:" not in harm.__name__]


@pytest.mark.parametrize("harm", REFUSED, ids=lambda harm: harm.__name__)
def test_it_is_refused_with_a_way_out(repo: StoreRepo, harm: Callable[[StoreRepo], None]) -> None:
    harm(repo)
    with repo.open("here") as store, pytest.raises(HistoryUnavailable) as caught:
        store.snapshot()
    assert str(repo.root) in str(caught.value)
    assert caught.value.reason
    assert any(
        word in caught.value.reason for word in ("Move", "Remove", "Replace", "Make", "Change", "Write", "not know")
    )


# -- of another user -----------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("trusted", ["", "/somewhere/else", "STORE", "*"])
def test_a_repository_of_another_user(repo: StoreRepo, trusted: str) -> None:
    for path in (repo.root / ".git", *(repo.root / ".git").rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    if trusted:
        repo.git("config", "--global", "safe.directory", trusted.replace("STORE", str(repo.root)))
    code = (
        f"import fsstore; store = fsstore.open({str(repo.root)!r}, 'here'); store.set('a', 5)\n"
        "with store.run('runner') as data: data.set('b', 5)\n"
        "print(store.get('b')); store.set('a', 6); print(store.snapshot().summary)"
    )
    done = python(repo, "-c", code)
    assert done.stdout.startswith("5\n")
    if trusted in ("", "/somewhere/else"):
        assert f"git config --global --add safe.directory {repo.root}" in done.stderr
        assert "HistoryUnavailable" in done.stderr
    else:
        assert done.stdout == "5\nhere: 1 set in default\n"
