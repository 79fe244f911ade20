"""Making the repository of a store: what ``git init`` does, whole or not at all, and durable."""

from __future__ import annotations

import contextlib
import os
import shutil

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.durable import sync_directories
from fsstore.history.repository import OURS
from fsstore.history.stale import take

_DIRECTORIES = ("objects/pack", "objects/info", "refs/heads", "refs/tags", "hooks", "info", OURS)
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
"""
_DRIVER = '[diff "fsstore"]\n\ttextconv = {textconv}\n'
_LIMIT = 1 << 24
_PATIENCE = 20.0  # seconds
_FILES = {
    "HEAD": "ref: refs/heads/main\n",
    "description": "Unnamed repository; edit this file 'description' to name the repository.\n",
    "info/exclude": "# What git ignores here and nowhere else, one pattern a line.\n",
}


def make_repository(tree: Tree) -> bool:
    """Make an empty repository in a store's directory; whether it was this call that made it."""
    staging = f"{layout.TMP}/{tree.new_name(0)}"
    try:
        for directory in _DIRECTORIES:
            os.close(tree.make_directories(f"{staging}/{directory}"))
        for name, text in (*_FILES.items(), ("config", _CONFIG + _DRIVER.format(textconv=_textconv()))):
            tree.stage(tree.absolute(f"{staging}/{name}"), text.encode(), sync=True)
        sync_directories(tree, [f"{staging}/{name}" for name in _DIRECTORIES])
        with contextlib.suppress(FileExistsError, NotADirectoryError):  # somebody was faster, or a file is there
            os.rename(tree.absolute(staging), tree.absolute(".git"))
            sync_directories(tree, [])
            return True
        return False
    except OSError as error:
        if os.path.isdir(f"{tree.root}/.git"):  # ENOTEMPTY: somebody was faster
            return False
        raise error
    finally:
        shutil.rmtree(f"{tree.root}/{staging}", ignore_errors=True)


def has_driver(tree: Tree) -> bool:
    """Whether git shows values as text there; ``tree`` is that of ``.git``."""
    return b'[diff "fsstore"]' in tree.read("config", _LIMIT)


def set_up_driver(tree: Tree) -> None:
    """Let git show values as text in a repository that somebody else made.

    ``tree`` is that of ``.git``. Its configuration is replaced whole, under git's lock. Raises `RepositoryBusy`.
    """
    if has_driver(tree):
        return
    raw = tree.read("config", _LIMIT)
    staged = tree.absolute(f"{OURS}/config.{os.getpid()}")
    discard(staged)
    text = raw if raw.endswith(b"\n") else raw + b"\n"
    tree.stage(staged, text + _DRIVER.format(textconv=_textconv()).encode(), tree.stat("config"), sync=True)
    lock = tree.absolute("config.lock")
    try:
        take(lock, staged, _PATIENCE)
        if tree.read("config", _LIMIT) != raw:
            discard(lock)
            set_up_driver(tree)
            return
        os.rename(lock, tree.absolute("config"))
    finally:
        discard(staged)


def _textconv() -> str:
    """The command by which git shows values as text, as a line of its configuration has it."""
    from fsstore.history.driver import command

    return '"' + command().replace("\\", "\\\\").replace('"', '\\"') + '"'
