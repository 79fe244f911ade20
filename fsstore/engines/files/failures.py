"""From what the operating system says to the error a caller can act on. No behaviour of its own."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from fsstore.engines.files.atomic import IrregularFile
from fsstore.errors import (
    AccessDenied,
    BadValue,
    Blocked,
    Closed,
    DiskFull,
    ReadOnly,
    StorageFailure,
    StoreError,
)
from fsstore.ops import too_large
from fsstore.values import Malformed

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY})


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """What the operating system says of this path, said as a `StoreError`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise other(error, path) from error


def closed(root: str) -> Closed:
    """The error for a store that was closed."""
    return Closed(f"the store {root} is closed. Open it again with fsstore.open().")


_MEND_VALUE = "Mend the file, or set the key anew."
_MOVE = "Move it away: no directory of keys is called so."
MEND_SIDECAR = "Mend that file, or remove it."


def reading(
    error: OSError | Malformed, namespace: str, key: str, path: str, limit: int, way_out: str = _MEND_VALUE
) -> StoreError:
    """The error for a file of a key that could not be read."""
    line = column = None
    if isinstance(error, Malformed):
        reason, line, column = error.reason, error.line, error.column
    elif isinstance(error, IrregularFile):
        reason = f"it is {error.strerror}, and only regular files are read"
        way_out = _MOVE if error.strerror == "a directory" else way_out
    elif error.errno == errno.ELOOP:
        reason = "it is a symbolic link or lies behind one, and none is followed"
    elif error.errno == errno.ENXIO:
        reason = "it is a socket or a device, and only regular files are read"
    elif error.errno == errno.EISDIR:
        reason, way_out = "it is a directory, and only regular files are read", _MOVE
    elif error.errno == errno.EFBIG:
        return too_large(int(error.strerror or 0), limit, path)
    else:
        return other(error, path)
    where = path if line is None else f"{path}, line {line}, column {column}"
    return BadValue(
        f"key {key!r} of namespace {namespace!r} holds no readable value: {where}: {reason}. {way_out}",
        namespace=namespace,
        key=key,
        path=path,
        reason=reason,
        line=line,
        column=column,
    )


def writing(error: OSError, namespace: str, key: str, path: str) -> StoreError:
    """The error for a key's file that could not be written or removed."""
    if isinstance(error, StoreError):
        return error
    if error.errno in _IN_THE_WAY:
        return blocked(namespace, key, path)
    return other(error, path)


def blocked(namespace: str, key: str, path: str) -> Blocked:
    """The error for a path with something on it that is no record."""
    return Blocked(
        f"key {key!r} of namespace {namespace!r} cannot be written: on the way to {path} lies a file, a link or a "
        f"directory that is no record. Move it away (fsstore doctor names it).",
        namespace=namespace,
        key=key,
        path=path,
    )


def other(error: OSError, path: str) -> StoreError:
    """The error for a failure that is not about one key's content."""
    if isinstance(error, StoreError):
        return error
    what = os.strerror(error.errno) if error.errno else str(error)
    if isinstance(error.filename, str | bytes) and os.path.isabs(named := os.fsdecode(error.filename)):
        path = named  # what the system refused, not what was wanted of it
    if error.errno in _FULL:
        return _os_error(DiskFull, error, f"{path}: {what}. Free some space and try again.", path)
    if error.errno in _DENIED:
        return _os_error(AccessDenied, error, f"{path}: {what}. Check its owner and mode, and its directory's.", path)
    if error.errno == errno.EROFS:
        return _os_error(ReadOnly, error, f"{path}: {what}. Open the store with read_only=True to read it.", path)
    return _os_error(StorageFailure, error, f"{path}: {what}", path)


def _os_error(kind: type[StoreError], error: OSError, message: str, path: str) -> StoreError:
    made = kind(message, path=path, reason=os.strerror(error.errno) if error.errno else str(error))
    made.errno = error.errno  # type: ignore[attr-defined]
    return made
