"""The files that say what a subscription has handled: written by `Subscription.save`, read by ``since``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from fsstore import cursors
from fsstore.errors import StorageFailure
from fsstore.events import Told


def save(path: str, told: Told | None, store: str | None) -> None:
    """Write such a file, or replace it whole. Raises `StorageFailure`."""
    staged = f"{path}.{os.getpid()}-{os.urandom(4).hex()}"
    with _told(path):
        try:
            with open(staged, "xb") as file:
                file.write(cursors.encode(told, store))
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(staged)
            raise


def load(path: str, store: str | None) -> Told | None:
    """What such a file says; ``None`` if that all has to be read anew. Raises `DamagedCursor`, `StorageFailure`."""
    with _told(path), open(path, "rb") as file:
        raw = file.read()
    return cursors.decode(raw, path, store).told


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failure = StorageFailure(f"{path}: {os.strerror(error.errno or 0)}", path=path)
        failure.errno = error.errno
        raise failure from error
