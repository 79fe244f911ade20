"""What a watcher has handled, as the bytes of a file and back: pure data. It knows no disk.

Lines of JSON. The first says the format, the store, and how many lines follow that were written together with it:
``[namespace, length, [key, ...], marks]`` for each namespace and length of mark, with the marks of those keys one after
the other, in hex. Then come lines ``[namespace, key, mark]`` of what was handled since, an empty mark for a key that is
gone. So what was handled later is only appended, and a last line that was cut off costs no more than to be told again
of one key.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from fsstore.errors import DamagedCursor, InvalidName
from fsstore.events import Told
from fsstore.keys import require_text

FORMAT = 1


class Saved(NamedTuple):
    """The content of such a file."""

    told: Told | None
    """``None`` if it was not known any more what had been handled: all has to be read anew."""
    store: str | None
    """The store's id, where it has one."""
    appended: int
    """How many lines of single keys there are."""
    size: int
    """Bytes that count; what follows them is the beginning of a line."""


def require_name(name: str) -> None:
    """Raise `InvalidName` for what cannot be the name of a cursor."""
    require_text(name, "name of a cursor")
    if not name:
        raise InvalidName("a cursor needs a name of at least one character", name=name, reason="empty")


def encode(told: Told | None, store: str | None) -> bytes:
    """The content of a file."""
    head: dict[str, Any] = {"format": FORMAT, "store": store}
    if told is None:
        head["lost"] = True
    lines: list[bytes] = []
    for namespace, marks in (told or {}).items():
        by_length: dict[int, list[str]] = {}
        for key, mark in marks.items():
            by_length.setdefault(len(mark), []).append(key)
        for length, keys in by_length.items():
            lines.append(orjson.dumps([namespace, length, keys, b"".join([marks[key] for key in keys]).hex()]))
    return b"\n".join([orjson.dumps({**head, "lines": len(lines)}), *lines]) + b"\n"


def encode_note(namespace: str, key: str, mark: bytes) -> bytes:
    """The line of a single key, to be appended."""
    return orjson.dumps([namespace, key, mark.hex()]) + b"\n"


def decode(raw: bytes, path: str, store: str | None) -> Saved:
    """The content of a file, for a store of this id. Raises `DamagedCursor`, which names the path."""
    head, *lines = raw.split(b"\n")
    saved_store, is_lost, whole = _head(head, path)
    if saved_store is not None and store is not None and saved_store != store:
        raise _damaged(path, f"it is about another store, whose id is {saved_store}")
    told: Told = {}
    if not lines:
        raise _damaged(path, "its first line is cut off")
    taken, appended, size = 0, 0, len(head) + 1
    for number, line in enumerate(lines[:-1], 2):
        try:
            appended += _take(told, orjson.loads(line))
        except (ValueError, TypeError):
            if any(_is_line(later) for later in lines[number - 1 :]):
                raise _damaged(path, f"line {number} makes no sense") from None
            break  # a power cut may leave anything where a file was growing
        taken += 1
        size += len(line) + 1
    if taken < whole:
        raise _damaged(path, f"of the {whole} lines that it began with {taken} are left")
    return Saved(None if is_lost else told, saved_store, appended, size)


def _head(line: bytes, path: str) -> tuple[str | None, bool, int]:
    try:
        head = orjson.loads(line)
        number, store, is_lost, lines = head["format"], head["store"], head.get("lost", False), head.get("lines", 0)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _damaged(path, "its first line is not that of such a file") from None
    if number != FORMAT:
        raise _damaged(path, f"its format is {number}, and this fsstore knows format {FORMAT}")
    if not (store is None or isinstance(store, str)) or not isinstance(lines, int):
        raise _damaged(path, "its first line is not that of such a file")
    return store, bool(is_lost), lines


def _take(told: Told, line: list[Any]) -> bool:
    """Take a line in; whether it was that of a single key. Raises `ValueError` or `TypeError` for any other."""
    if len(line) == 3:
        namespace, key, mark = line
        _require_text(namespace, key)
        if mark:
            told.setdefault(namespace, {})[key] = bytes.fromhex(mark)
        else:
            told.get(namespace, {}).pop(key, None)
        return True
    namespace, length, keys, joined = line
    marks = bytes.fromhex(joined)
    _require_text(namespace, *keys)
    if len(marks) != length * len(keys):
        raise ValueError("not as many marks as keys")
    pieces = (marks[start : start + length] for start in range(0, len(marks), length))
    told.setdefault(namespace, {}).update(zip(keys, pieces, strict=True))
    return False


def _require_text(*names: Any) -> None:
    if not all([isinstance(name, str) for name in names]):  # noqa: C419
        raise TypeError("not text")


def _is_line(line: bytes) -> bool:
    try:
        _take({}, orjson.loads(line))
    except (ValueError, TypeError):
        return False
    return True


def _damaged(path: str, reason: str) -> DamagedCursor:
    return DamagedCursor(
        f"{path} does not say what a watcher has handled: {reason}. Remove it, or name another file or cursor, and the "
        f"watcher begins anew (replay=True tells it of every key first).",
        path=path,
        reason=reason,
    )
