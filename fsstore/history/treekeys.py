"""Which keys a tree of git holds, from the names in it: the same rules as for the directories of a store."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fsstore import keys
from fsstore.events import Told
from fsstore.history.objects import DIRECTORY, REPOSITORY, Entry, Objects

_NO_FILE = frozenset({DIRECTORY, REPOSITORY})


def keys_in(objects: Objects, tree: bytes | None, path: str) -> Iterator[tuple[str, Entry]]:
    """The keys below a namespace's directory with what lies there, in no order. ``path`` is the directory's own."""
    todo = [(tree, keys.ROOT, len(path.encode()) + 1)]
    while todo:
        tree, level, length = todo.pop()
        entries = {os.fsdecode(name): entry for name, entry in objects.tree(tree).items()}
        room = keys.MAX_PATH - length
        leaves = [name for name in entries if name.endswith(keys.SUFFIX) and len(os.fsencode(name)) <= room]
        for name, key in zip(leaves, _decoded(level, leaves), strict=True):
            if key is not None:
                yield key, entries[name]
        for name, (mode, oid) in entries.items():
            if mode == DIRECTORY and not name.endswith(keys.SUFFIX):
                below = keys.decode_directory(level, name)
                if below is not None:
                    todo.append((oid, below, length + len(os.fsencode(name)) + 1))


def _decoded(level: keys.Level, names: list[str]) -> list[str] | list[str | None]:
    return keys.decode_leaves(level, names) or [keys.decode_leaf(level, name) for name in names]


def namespaces_in(objects: Objects, tree: bytes) -> Iterator[tuple[str, str, bytes]]:
    """The directories in a store's tree that are namespaces, empty ones too: name, path and tree."""
    todo = [("", tree)]
    while todo:
        parent, tree = todo.pop()
        for raw, (mode, oid) in objects.tree(tree).items():
            path = parent + os.fsdecode(raw)
            if mode != DIRECTORY:
                continue
            if path.endswith("%"):
                todo.append((f"{path}/", oid))
            elif (namespace := keys.decode_namespace(path)) is not None:
                yield namespace, path, oid


def revisions_in(objects: Objects, tree: bytes) -> Told:
    """By namespace and key the ids of the files in a store's tree: what a watcher knows who was told of that commit.

    Of a symbolic link it is that of its target's name, which no content has.
    """
    found: Told = {}
    for namespace, path, below in namespaces_in(objects, tree):
        ids = {key: oid for key, (mode, oid) in keys_in(objects, below, path) if mode not in _NO_FILE}
        if ids:
            found[namespace] = ids
    return found
