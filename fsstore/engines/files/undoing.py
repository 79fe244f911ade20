"""Taking a run back: its keys get what they were before it, unless somebody else has written them since.

A compensation, key by key, and no isolation: others may have seen, and used, what is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsstore.engines.files.journal import Line
from fsstore.engines.files.runs import Image, Runs
from fsstore.engines.files.sidecars import end_of, parse
from fsstore.engines.files.worktree import WorkTree
from fsstore.errors import Conflict
from fsstore.keys import path_of
from fsstore.ops import Delete, Expect, Put
from fsstore.records import Author, Run, Undone
from fsstore.values import Malformed


def undo(run: Run, runs: Runs, commit: Callable[[Put | Delete, Author], object], work: WorkTree) -> Undone:
    """Put the before-images of a run back, as their authors' again; which keys got them, and which were left."""
    done = Undone([], [])
    written = work.lines_of(path_of(image.namespace, image.key) for image in runs.images(run.id))
    for image in runs.images(run.id):
        lines = written.get(path_of(image.namespace, image.key), [])
        restored = _restore(image, lines[-1], commit) if lines and lines[-1].run == run.id else False
        (done.restored if restored else done.left).append((image.namespace, image.key))
    return done


def _restore(image: Image, newest: Line, commit: Callable[[Put | Delete, Author], object]) -> bool:
    """Whether the key still was as the run had left it, and got its image."""
    expected = Expect.ABSENT if newest.revision is None else newest.revision
    op: Put | Delete
    if image.raw is None:
        op = Delete(image.namespace, image.key, expected, by_file=True)
    else:
        beside = _beside(image)
        op = Put(image.namespace, image.key, image.raw, beside.get("metadata"), expected, anew=True, exact=True)
        op = op._replace(expires=end_of(beside), by_file=True)
    try:
        commit(op, image.author)
    except Conflict:
        return False
    return True


def _beside(image: Image) -> dict[str, Any]:
    """What lay beside the value, if it made sense."""
    try:
        return parse(image.sidecar) if image.sidecar else {}
    except Malformed:
        return {}
