"""Trees of git: what differs between two of them, and one made of another with a few files changed.

Both look only into directories that differ, so that their cost is that of the change and not of the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fsstore.history.objects import DIRECTORY, Entry, Objects
from fsstore.history.packs import Object, object_id


def differences(
    objects: Objects, old: bytes | None, new: bytes | None, under: bytes = b""
) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
    """Path, old and new entry of every file that differs between two trees, sorted by path within a directory.

    ``under`` is put before the paths: the path of the trees, with a slash at its end.
    """
    if old == new:
        return
    before, after = objects.tree(old), objects.tree(new)
    for name in sorted({name for name, _ in before.items() ^ after.items()}):
        was, now = before.get(name), after.get(name)
        old_tree = was[1] if was and was[0] == DIRECTORY else None
        new_tree = now[1] if now and now[0] == DIRECTORY else None
        old_file, new_file = None if old_tree else was, None if new_tree else now
        if old_file or new_file:
            yield under + name, old_file, new_file
        if old_tree or new_tree:
            yield from differences(objects, old_tree, new_tree, under + name + b"/")


def splice(
    objects: Objects, tree: bytes | None, changes: Mapping[bytes, Entry | None], made: dict[bytes, Object]
) -> bytes | None:
    """The id of the tree with these files set, or removed (``None``); ``None`` if nothing is left.

    New tree objects are put into ``made``. A file in the place of a directory replaces it, and the reverse.
    """
    nested: _Nested = {}
    for path, entry in changes.items():
        *parents, name = path.split(b"/")
        at = nested
        for parent in parents:
            below = at.get(parent)
            if not isinstance(below, dict):
                if below is not None and entry is None:
                    break  # a file takes the place of the directory, and all in it is gone anyway
                below = at[parent] = {}
            at = below
        else:
            _put(at, name, entry)
    return _spliced(objects, tree, nested, made)


_Nested = dict[bytes, "Entry | _Nested | None"]


def _put(at: _Nested, name: bytes, entry: Entry | None) -> None:
    if entry is not None or not isinstance(at.get(name), dict):
        at[name] = entry


def _spliced(objects: Objects, tree: bytes | None, changes: _Nested, made: dict[bytes, Object]) -> bytes | None:
    entries = dict(objects.tree(tree))
    unsorted = False
    for name, change in changes.items():
        before = entries.get(name)
        now: Entry | None
        if isinstance(change, dict):
            below = before[1] if before and before[0] == DIRECTORY else None
            found = _spliced(objects, below, change, made)
            if found is None and below is None:
                continue  # a file lies there, or nothing: there is nothing to remove below it
            now = None if found is None else (DIRECTORY, found)
        elif change is None and before and before[0] == DIRECTORY:
            continue  # the file is gone: a directory has taken its place
        else:
            now = change
        if now is None:
            entries.pop(name, None)
        else:
            unsorted |= before is None or before[0] != now[0]
            entries[name] = now
    if not entries:
        return None
    if unsorted:
        entries = dict(sorted(entries.items(), key=_order))
    raw = b"".join([b"%b %b\0%b" % (mode, name, oid) for name, (mode, oid) in entries.items()])
    oid = object_id(b"tree", raw)
    if oid != tree:
        made[oid] = (b"tree", raw)
        objects.remember(oid, entries)
    return oid


def _order(item: tuple[bytes, Entry]) -> bytes:
    """Git sorts directories as if their names ended in a slash."""
    name, (mode, _) = item
    return name + b"/" if mode == DIRECTORY else name
