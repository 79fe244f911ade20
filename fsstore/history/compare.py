"""What changed: between two JSON values, as the steps of a JSON patch, and between two trees, file by file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from fsstore.commits import Change, Difference, Kind
from fsstore.engines.files import layout
from fsstore.errors import StoreError
from fsstore.history.contents import File, value_of
from fsstore.history.objects import Objects, RawCommit
from fsstore.history.trees import differences
from fsstore.ops import MAX_VALUE_BYTES


def same(old: Any, new: Any) -> bool:
    """Whether two JSON values are equal and of equal types: 1, 1.0 and true are three values."""
    if old is new:
        return type(old) is not float or old == old
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(same(item, new[name]) for name, item in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(same, old, new))
    return bool(old == new)


def steps(old: Any, new: Any, path: str = "") -> list[Difference]:
    """The steps that make ``new`` of ``old``, to be taken in this order; none if they are the same.

    Members are compared one by one, at any depth. Of arrays what is equal at the beginning and at the end is left
    out; the rest is compared item by item, and what is over is removed (the last first) or added.
    """
    return list(_steps(old, new, path))


def _steps(old: Any, new: Any, path: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_members(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_items(old, new, path)
    elif not same(old, new):
        yield Difference("replace", path, old, new)


def _of_members(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    for name, item in old.items():
        where = f"{path}/{_escaped(name)}"
        if name in new:
            yield from _steps(item, new[name], where)
        else:
            yield Difference("remove", where, item, None)
    for name, item in new.items():
        if name not in old:
            yield Difference("add", f"{path}/{_escaped(name)}", None, item)


def _of_items(old: list[Any], new: list[Any], path: str) -> Iterator[Difference]:
    start, end = 0, 0
    most = min(len(old), len(new))
    while start < most and same(old[start], new[start]):
        start += 1
    while end < most - start and same(old[-1 - end], new[-1 - end]):
        end += 1
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    for number, (was, now) in enumerate(zip(before, after, strict=False), start):
        yield from _steps(was, now, f"{path}/{number}")
    for number in range(len(before) - 1, len(after) - 1, -1):
        yield Difference("remove", f"{path}/{start + number}", before[number], None)
    for number in range(len(before), len(after)):
        yield Difference("add", f"{path}/{start + number}", None, after[number])


def _escaped(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def kind_of(was: object, now: object) -> Kind:
    """What became of a file that was there or (``None``) not, and is there or not."""
    return "added" if was is None else "removed" if now is None else "changed"


def diff(
    objects: Objects, old: RawCommit | None, new: RawCommit | None, *, limit: int = MAX_VALUE_BYTES
) -> list[Change]:
    """Every file that differs between two commits (``None``: an empty store), sorted by path.

    Only directories that differ are looked into. Raises `DamagedHistory`.
    """
    found = []
    for raw, was, now in differences(objects, old.tree if old else None, new.tree if new else None):
        file = file_of(raw)
        before = value_of(objects, was, file._replace(commit=old.id), limit) if old else None
        after = value_of(objects, now, file._replace(commit=new.id), limit) if new else None
        found.append(change(file.path, kind_of(was, now), before, after))
    return sorted(found, key=lambda each: each.path)


def change(path: str, kind: Kind, old: Any, new: Any) -> Change:
    """The change of one file, from the values that it held, or the errors of reading them."""
    is_readable = kind == "changed" and not isinstance(old, StoreError) and not isinstance(new, StoreError)
    return Change(path, *layout.name_of(path), kind, old, new, steps(old, new) if is_readable else [])


def file_of(path: bytes) -> File:
    """What git calls by this path, of no commit yet."""
    text = os.fsdecode(path)
    return File(*layout.name_of(text), text, b"")
