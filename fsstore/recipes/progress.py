"""How far somebody has come in a series of items, and whether it is the same series. It knows no store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sized
from typing import Any, NamedTuple

from fsstore.recipes.shapes import Misshapen

_START = ""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Of an object, another one each time."""
_END = object()


class Progress(NamedTuple):
    """What the record of a checkpoint says."""

    done: int = 0
    total: int | None = None
    complete: bool = False
    digest: str = _START
    """Of the items that are done, if it is about so many: ``NUMBER:SHA1``."""

    @classmethod
    def of(cls, value: Any) -> Progress:
        """From a value. Raises `Misshapen`."""
        if value is None:
            return cls()
        if not isinstance(value, dict):
            raise Misshapen('it is to be an object with the member "done"')
        done, digest = value.get("done"), value.get("digest", "")
        if not isinstance(done, int) or isinstance(done, bool) or done < 0:
            raise Misshapen('"done" is to be a number from 0 on')
        of, _, sha = digest.partition(":") if isinstance(digest, str) else ("", "", "")
        total = value.get("total")
        complete = value.get("complete") is True
        return cls(done, total if isinstance(total, int) else None, complete, sha if of == str(done) else _START)


class Course:
    """One way through the items, after those that are done."""

    def __init__(self, items: Iterable[Any], progress: Progress) -> None:
        self._iterator = iter(items)
        self._total = len(items) if isinstance(items, Sized) else None
        self._progress = progress
        self._digest = _START
        self.item: Any = None
        """The one in hand."""
        self.number = 0
        """How many were done before it."""

    def resume(self) -> str | None:
        """Pass over the items that are done; what is wrong with them, if anything."""
        done = self._progress.done
        for number in range(done):
            if not self.advance():
                return f"{done} items are done, and now there are only {number}"
            self._digest = chained(self._digest, self.item)
        self.number = done
        if self._progress.digest not in (_START, self._digest):
            return f"the first {done} items, which are done, are not those that they were"
        return None

    def advance(self) -> bool:
        """Take the next item in hand, if there is one."""
        found = next(self._iterator, _END)
        if found is _END:
            return False
        self.item = found
        return True

    def next_record(self) -> dict[str, Any]:
        """The record when the item in hand is done."""
        self._digest = chained(self._digest, self.item)
        return self._record(self.number + 1, self._total)

    def last_record(self) -> dict[str, Any]:
        """The record when there are no more."""
        return self._record(self.number, self.number)

    def _record(self, done: int, total: int | None) -> dict[str, Any]:
        return {"done": done, "total": total, "complete": done == total, "digest": f"{done}:{self._digest}"}


def chained(digest: str, item: Any) -> str:
    """The digest of one item more. It is the same in another process for JSON values, paths, dates and the like."""
    try:
        text = json.dumps(item, sort_keys=True, default=_described, ensure_ascii=True)
    except (TypeError, ValueError):  # members whose names are not all texts, or an object that holds itself
        text = json.dumps(_described(item))
    return hashlib.sha1(f"{digest} {text}".encode(), usedforsecurity=False).hexdigest()


def _described(item: Any) -> Any:
    if isinstance(item, set | frozenset):
        return sorted(map(repr, item))
    return _ADDRESS.sub("", repr(item))
