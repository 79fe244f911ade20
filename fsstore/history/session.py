"""In which run of the system the snapshots were made, and from which commit on they may outrun the work tree.

A snapshot makes its objects, branch and index durable, and not the files: they are in its objects. After a loss of
power files may be older than the newest commit, which would look like a person's revert (`afterboot`).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import orjson

from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.durable import identity
from fsstore.history.packing import sync_directory

_PATH = "fsstore/session"
_LIMIT = 1 << 16


class Session(NamedTuple):
    """One run of the system, as far as the snapshots of a repository go."""

    id: str
    """See `durable.identity`."""
    since: str | None
    """The newest commit (40 digits) whose files were known to be on the disk; ``None`` if there was none."""


def now(tree: Tree) -> str:
    """The present run of the system; ``tree`` is that of ``.git``."""
    fd = os.open(tree.root, DIRECTORY)
    try:
        return identity(fd).hex()
    finally:
        os.close(fd)


def load(tree: Tree) -> Session | None:
    """The session of the last snapshots; ``None`` before the first."""
    try:
        return Session(*orjson.loads(tree.read(_PATH, _LIMIT)))
    except (OSError, ValueError, TypeError):
        return None


def save(tree: Tree, session: Session) -> None:
    """Note it, durably."""
    staged = f"{_PATH}.{os.getpid()}"
    path = tree.absolute(staged)
    if os.path.lexists(path):
        os.unlink(path)
    tree.stage(path, orjson.dumps(tuple(session)), sync=True)
    os.rename(path, tree.absolute(_PATH))
    sync_directory(tree, os.path.dirname(_PATH))


def is_over(root: str) -> bool:
    """Whether the store in this directory has snapshots of an earlier run of the system, and none of this one."""
    if not os.path.lexists(f"{root}/.git/{_PATH}"):
        return False
    tree = Tree(f"{root}/.git")
    found = load(tree)
    return found is None or found.id != now(tree)
