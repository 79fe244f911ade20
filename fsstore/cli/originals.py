"""What a key held when somebody began to edit it, and putting something else in its place if it still does."""

from __future__ import annotations

import os
import stat
from typing import Any, NamedTuple

from fsstore import revisions, values
from fsstore.errors import BadValue, Conflict, NotFound
from fsstore.namespace import Handle

_TRIES = 10  # between the record and its file somebody may write


class Original(NamedTuple):
    """A key as it was."""

    space: Handle
    key: str
    raw: bytes
    """The text of its file; of a key that is not there, ``null``."""
    value: Any
    """``None`` where there is none: look at the next two."""
    is_there: bool
    is_bad: bool
    """Whether its file holds no value."""

    @classmethod
    def of(cls, space: Handle, key: str) -> Original:
        """What the key holds now. Raises `BadValue` for what is no file with text in it."""
        for _ in range(_TRIES):
            try:
                record = space.info(key)
            except NotFound:
                return cls(space, key, values.encode(None), None, is_there=False, is_bad=False)
            except BadValue as error:
                return cls(space, key, _text_of(error), None, is_there=True, is_bad=True)
            raw = _read(record.path)
            if raw is not None and revisions.revision(raw) == record.revision:
                break
        else:  # it never rests: its value in our own form is as good
            raw = values.encode(record.value)
        return cls(space, key, raw, record.value, is_there=True, is_bad=False)

    def replace(self, value: Any) -> bool:
        """Store a value in its place; whether it is another one. When the key ends does not change by it.

        Raises `Conflict`, and stores nothing, if the key does not hold any more what it held.
        """
        if self.is_there and not self.is_bad and values.encode(value) == values.encode(self.value):
            return False
        try:
            if not self.is_there:
                self.space.create(self.key, value)
            elif self.is_bad:
                self.space.set(self.key, value, if_match=revisions.revision(self.raw))
            else:
                self.space.update(self.key, lambda now: self._checked(now, value))
        except Conflict as error:
            raise self._changed(error) from None
        return True

    def _checked(self, now: Any, value: Any) -> Any:
        """The new value, if the key still holds the old one."""
        if values.encode(now) == values.encode(self.value) and self.space.exists(self.key):
            return value
        where = {"namespace": self.space.name, "key": self.key}
        raise Conflict("it holds another value", **where, expected=revisions.revision(self.raw), actual=None)

    def _changed(self, error: Conflict) -> Conflict:
        done = "changed" if self.is_there else "made"
        message = f"key {self.key!r} of namespace {self.space.name!r} was {done} by somebody else meanwhile."
        return Conflict(f"{message} Nothing was stored.", **error.__dict__)


def _text_of(error: BadValue) -> bytes:
    """The text that is no value, for a person to mend. Raises the error if there is none."""
    raw = _read(error.path)
    if raw is None:
        raise error
    return raw


def _read(path: str) -> bytes | None:
    """The bytes of a file; ``None`` if there is none, and for what is no file: a link, a pipe, a directory."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(fd).st_mode) else None
