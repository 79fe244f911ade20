"""A copy of a whole store as it was at one instant, while others write. It knows files, and no keys.

Most is copied without any lock. Then, while every lock is held, what changed since is found by its status and
copied again: writers wait for that alone. The copy grows beside its place under a hidden name, is made durable, and
is then renamed, so that a crash leaves no half a copy that looks whole.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

from fsstore import values
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.copying import Copying
from fsstore.engines.files.durable import sync_all, sync_directories
from fsstore.engines.files.repair import LOST
from fsstore.errors import NotAStore
from fsstore.records import Backup

_NOT_COPIED = frozenset({".git", "lost+found"})
_UNLOCKED_SWEEPS = 2  # the second leaves less to the one under the locks
_LIMIT = 1 << 20


def back_up(
    tree: Tree, all_locked: Callable[[], AbstractContextManager[object]], directory: str, *, new_id: bool
) -> Backup:
    """Copy the store to a directory that is not there yet, or empty. Nothing is left there unless all went well.

    ``all_locked`` keeps every writer out. Raises `NotAStore` for a directory that cannot be the copy's.
    """
    target = os.path.realpath(directory)
    _require_free(tree, target)
    parent, name = os.path.split(target)
    unfinished = Tree(f"{parent}/.{name[:200]}.{os.urandom(4).hex()}.partial")
    os.mkdir(unfinished.root, 0o700)
    try:
        copying = Copying(tree, unfinished, _is_wanted)
        for _ in range(_UNLOCKED_SWEEPS):
            copying.sweep()
        with all_locked():
            copying.sweep()
        if new_id:
            _give_new_id(unfinished)
        sync_all(unfinished, copying.finish())
        identity = layout.read_marker(unfinished).id
        _require_free(tree, target)
        os.rename(unfinished.root, target)
    except BaseException:
        shutil.rmtree(unfinished.root, ignore_errors=True)
        raise
    sync_directories(Tree(target), [])
    files = copying.files
    skipped = copying.skipped | {name for name in _NOT_COPIED if os.path.lexists(f"{tree.root}/{name}")}
    return Backup(target, identity, len(files), sum(found.size for found in files.values()), sorted(skipped))


def _give_new_id(tree: Tree) -> None:
    path = tree.absolute(layout.MARKER)
    raw, status = tree.read(path, _LIMIT), tree.stat(path)
    discard(path)
    tree.stage(path, values.encode({**values.decode(raw), "id": str(uuid.uuid4())}), status)


def _is_wanted(path: str) -> bool:
    """All but git's directory, and what only matters while programs run."""
    if path in _NOT_COPIED:
        return False
    if not path.startswith(f"{layout.RUNTIME}/"):
        return True
    if path.startswith(f"{layout.JOURNAL}/"):
        return path.endswith(".ndjson")
    return path in (layout.JOURNAL, LOST) or path.startswith(f"{LOST}/")


def _require_free(tree: Tree, target: str) -> None:
    if target == tree.root or target.startswith(tree.root.rstrip("/") + "/"):
        raise NotAStore(f"{target} is the store, or lies in it. Choose a directory outside.", path=target)
    if (outer := layout.store_around(target)) is not None:
        raise NotAStore(
            f"{target} lies inside the store {outer}, where its files would be keys. Choose a directory outside.",
            path=target,
        )
    try:
        taken = bool(os.listdir(target))
    except FileNotFoundError:
        return
    except NotADirectoryError:
        taken = True
    if taken:
        raise NotAStore(f"{target} is there already. A backup needs a directory of its own.", path=target)
