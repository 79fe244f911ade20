"""The values that a commit's files hold, or the errors of reading them: what a blob is worth as a key's file."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from fsstore import values
from fsstore.engines.files import failures
from fsstore.engines.files.atomic import IrregularFile
from fsstore.errors import BadValue, StoreError, TooLarge
from fsstore.history.objects import DIRECTORY, FILE, LINK, PROGRAM, Entry, Objects
from fsstore.ops import MAX_VALUE_BYTES

_WAY_OUT = "History stays as it is; a later commit may hold a value."
_PLAIN = (FILE, PROGRAM)
_T = TypeVar("_T")
_KINDS = {DIRECTORY: "a directory", LINK: "a symbolic link"}


class File(NamedTuple):
    """A file of a commit, and what its errors say of it."""

    namespace: str | None
    key: str | None
    path: str
    """Relative to the store."""
    commit: bytes
    """Empty: the file as it is now."""

    @property
    def name(self) -> str:
        """What git calls it: ``git show NAME`` prints it."""
        return f"{self.commit.hex()[:12]}:{self.path}" if self.commit else self.path

    @property
    def way_out(self) -> str:
        """What to do if it holds no value."""
        return _WAY_OUT if self.commit else "Mend the file, or set the key anew."


def is_plain(entry: Entry) -> bool:
    """Whether it is a file with content of its own."""
    return entry[0] in _PLAIN


def kind_of(entry: Entry) -> str:
    """What lies there, for messages."""
    return _KINDS.get(entry[0], "another repository") if entry[0] not in _PLAIN else "a regular file"


def load(objects: Objects, entry: Entry, file: File, limit: int, decode: Callable[[bytes], _T]) -> _T:
    """What ``decode`` makes of a file. Raises `BadValue`, also for what is no regular file, and `TooLarge`."""
    try:
        if not is_plain(entry):
            raise IrregularFile(errno.EINVAL, kind_of(entry))
        raw = objects.blob(entry[1])
        if len(raw) > limit:
            raise OSError(errno.EFBIG, str(len(raw)))
        return decode(raw)
    except (IrregularFile, values.Malformed, OSError) as error:
        if isinstance(error, StoreError):
            raise
        raise failures.reading(error, file.namespace or "", file.key or "", file.name, limit, file.way_out) from None


def value_of(objects: Objects, entry: Entry | None, file: File, limit: int = MAX_VALUE_BYTES) -> Any:
    """The value of a file, the `BadValue` or `TooLarge` of reading it, or ``None`` where there is no file.

    Raises `DamagedHistory`.
    """
    if entry is None:
        return None
    try:
        return load(objects, entry, file, limit, values.decode)
    except (BadValue, TooLarge) as error:
        return error
