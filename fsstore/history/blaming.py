"""Which commit made each part of a key's value what it is. It knows values, not where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fsstore.commits import Blame
from fsstore.errors import NotFound, StoreError
from fsstore.history.compare import same
from fsstore.history.contents import File, value_of
from fsstore.history.log import Log, commit_of
from fsstore.history.objects import Entry, Objects, RawCommit
from fsstore.keys import path_of
from fsstore.ops import MAX_VALUE_BYTES, MISSING

_Step = tuple[RawCommit, Any, list[Any]]
"""A commit, the value there and those of its parents; `MISSING` where there is none, an error where it is bad."""


def blame(
    objects: Objects, history: Log, tip: bytes | None, namespace: str, key: str, *, limit: int = MAX_VALUE_BYTES
) -> list[Blame]:
    """For each member of the value of a key the newest commit that changed it; or for the value as a whole.

    Two values are the same if they are equal and of equal types. Bad JSON that lay between is passed over. Raises
    `InvalidName`, `NotFound`, `BadValue`, `TooLarge`, `DamagedHistory`.
    """
    file = File(namespace, key, path_of(namespace, key), tip or b"")
    path = file.path.encode()
    entry = None if tip is None else objects.blob_at(objects.commit(tip).tree, path)
    if entry is None:
        raise NotFound(f"namespace {namespace!r} has no key {key!r} in this commit.", namespace=namespace, key=key)
    value = value_of(objects, entry, file, limit)
    if isinstance(value, StoreError):
        raise value
    parts = value if isinstance(value, dict) else {None: value}
    left, found = dict(parts), {}
    for commit, now, before in _steps(objects, history, file, limit):
        for member, part in list(left.items()):
            if _holds(now, member, part) and not any(_holds(each, member, part) for each in before):
                found[member] = commit_of(commit)
                del left[member]
        last = commit
        if not left:
            break
    found.update(dict.fromkeys(left, commit_of(last)))  # history was cut off
    return [Blame(member, part, found[member]) for member, part in parts.items()]


def _holds(value: Any, member: str | None, part: Any) -> bool:
    """Whether a value has that very part."""
    if member is None:
        return same(value, part)
    return isinstance(value, dict) and member in value and same(value[member], part)


def _steps(objects: Objects, history: Log, file: File, limit: int) -> Iterator[_Step]:
    def value(entry: Entry | None) -> Any:
        return MISSING if entry is None else value_of(objects, entry, file, limit)

    entries = history.entries(file.path.encode())
    if not history.is_linear:
        for commit, now, before in entries:
            yield commit, value(now), [value(each) for each in before]
        return
    found = ((commit, now) for commit, entry, _ in entries if not isinstance(now := value(entry), StoreError))
    last: tuple[RawCommit, Any] | None = None
    for commit, now in found:
        if last is not None:
            yield (*last, [now])
        last = commit, now
    if last is not None:
        yield (*last, [])
