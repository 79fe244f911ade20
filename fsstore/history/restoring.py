"""Which writes bring a store, a namespace or a key back to what a commit had. It writes nothing."""

from __future__ import annotations

import os
from typing import Any

from fsstore.commits import Restored
from fsstore.engines.files import layout
from fsstore.engines.files.sidecars import end_of, parse
from fsstore.history.objects import DIRECTORY, FILE, PROGRAM, Entry, Objects, RawCommit
from fsstore.history.trees import differences
from fsstore.keys import encode_namespace, path_of
from fsstore.ops import Delete, Expect, Op, Put
from fsstore.values import Malformed

_PLAIN = (FILE, PROGRAM)


def restore(
    objects: Objects, now: bytes | None, commit: RawCommit, namespace: str | None, key: str | None
) -> tuple[list[Op], Restored]:
    """The ops that turn the keys of the tree ``now`` into those of a commit, and what they will have done.

    Keys alone: files that are no key's stay as they are. Raises `InvalidName`, `DamagedHistory`.
    """
    under = "" if namespace is None else f"{encode_namespace(namespace)}/"
    if namespace is not None and key is not None:
        keys = {(namespace, key)}
    else:
        raw = os.fsencode(under)
        found = (
            path for path, _, _ in differences(objects, _tree(objects, now, raw), _tree(objects, commit.tree, raw), raw)
        )
        keys = {
            (of, name)
            for of, name, _ in map(layout.record_of, map(os.fsdecode, found))
            if of is not None and name is not None
        }
    ops: list[Op] = []
    done = Restored(None, [], [])
    for of, name in sorted(keys):
        old, new = _record(objects, now, of, name), _record(objects, commit.tree, of, name)
        if old == new:
            continue
        if new[0] is None:
            ops.append(Delete(of, name, _expected(objects, now, of, name), by_file=True))
            done.deleted.append((of, name))
        else:
            raw, beside = objects.blob(new[0][1]), _beside(objects, new[1])
            expected = _expected(objects, now, of, name)
            metadata = beside.get("metadata")
            put = Put(of, name, raw, metadata, expected, anew=True, exact=True, expires=end_of(beside), by_file=True)
            ops.append(put)
            done.set.append((of, name))
    return ops, done


def _record(objects: Objects, tree: bytes | None, namespace: str, key: str) -> tuple[Entry | None, Entry | None]:
    """The value's file and its sidecar."""
    path = path_of(namespace, key)
    directory = encode_namespace(namespace)
    sidecar = f"{directory}/{layout.META}{path[len(directory) :]}"
    value, beside = (objects.blob_at(tree, os.fsencode(each)) for each in (path, sidecar))
    if value is None or value[0] not in _PLAIN:
        return None, None
    return value, beside


def _expected(objects: Objects, tree: bytes | None, namespace: str, key: str) -> Expect | str:
    """What the key's file has to be, lest what nobody has committed be overwritten."""
    entry = objects.file_at(tree, os.fsencode(path_of(namespace, key)))
    if entry is None:
        return Expect.ABSENT
    return entry[1].hex() if entry[0] in _PLAIN else Expect.ANYTHING


def _beside(objects: Objects, entry: Entry | None) -> dict[str, Any]:
    """The content of a sidecar, if it makes sense."""
    if entry is None or entry[0] not in _PLAIN:
        return {}
    try:
        return parse(objects.blob(entry[1]))
    except Malformed:
        return {}


def _tree(objects: Objects, tree: bytes | None, path: bytes) -> bytes | None:
    if not path:
        return tree
    entry = objects.blob_at(tree, path.rstrip(b"/"))
    return entry[1] if entry and entry[0] == DIRECTORY else None
