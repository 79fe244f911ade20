"""No rule of git's, wherever it is written, changes the bytes of a committed key or leaves one out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .foreign import copied, set_config, setting
from .stores import StoreRepo, python

BYTES = b'{\r\n  "text": "$Id$ $Format:%H$ \xc3\xa4 a\xcc\x88",\r\n  "more": 1\r\n}\n'


def attributes(line: str) -> Callable[[StoreRepo], None]:
    def rule(repo: StoreRepo) -> None:
        (repo.root / ".gitattributes").write_text(line + "\n")
        (repo.root / ".git/info").mkdir(exist_ok=True)
        (repo.root / ".git/info/attributes").write_text(line + "\n")

    rule.__name__ = line
    return rule


def ignoring(name: str) -> Callable[[StoreRepo], None]:
    def rule(repo: StoreRepo) -> None:
        text = "*.json\ndefault/\n*\n"
        if name == "core.excludesFile":
            (repo.home / "rules").write_text(text)
            set_config(repo, name, str(repo.home / "rules"))
        elif name == "global":
            (repo.home / ".config/git").mkdir(parents=True)
            (repo.home / ".config/git/ignore").write_text(text)
        else:
            (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
            (repo.root / name).write_text(text)

    rule.__name__ = f"ignored by {name}"
    return rule


RULES = [
    *(
        attributes(f"* {words}")
        for words in (
            "text eol=crlf",
            "text=auto",
            "ident",
            "working-tree-encoding=UTF-16",
            "export-subst export-ignore",
            "text ident eol=lf",
        )
    ),
    *(
        ignoring(name)
        for name in ("global", "core.excludesFile", ".gitignore", ".git/info/exclude", "default/.gitignore")
    ),
    setting("core.autocrlf", "true"),
    setting("core.autocrlf", "input"),
    setting("core.eol", "crlf"),
    setting("core.safecrlf", "true"),
    setting("core.quotePath", "false"),
    setting("core.precomposeUnicode", "true"),
    setting("core.ignoreCase", "true"),
    setting("core.fileMode", "false"),
    setting("core.symlinks", "false"),
    setting("core.compression", "0"),
    setting("core.trustctime", "false"),
    setting("core.checkStat", "minimal"),
    setting("core.logAllRefUpdates", "false"),
]


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return copied(scratch)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_rule_changes_bytes_or_leaves_out_a_key(repo: StoreRepo, rule: Callable[[StoreRepo], None]) -> None:
    rule(repo)
    (repo.root / "default/hand.json").write_bytes(BYTES)
    with repo.open("here") as store:
        store.use_namespace("de\u0301faut").set("cl\u00e9", "a\r\nb")
        store.set("new", "c\nd")
    code = f"import fsstore; fsstore.open({str(repo.root)!r}, 'here').snapshot()"
    done = python(repo, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    found = [os.fsencode(path.relative_to(repo.root)) for path in repo.root.glob("*/*.json")]
    assert len(found) == 7
    lines = [line.partition("\t") for line in repo.git("ls-tree", "-rz", "HEAD").split("\0")]
    tree = {path: about for about, _, path in lines}
    for path in found:
        about = tree[os.fsdecode(path)]
        content = (repo.root / os.fsdecode(path)).read_bytes()
        wanted = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        assert about == f"100644 blob {wanted}"
    assert repo.git("fsck", "--full", "--strict") == ""
