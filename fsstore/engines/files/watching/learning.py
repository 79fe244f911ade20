"""Reading, when there is nothing else to do, the files whose status alone was looked at when the watching began.

So the revision before the first change is known, and the same bytes written again are no change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.watching.directories import SIGNATURE, signature
from fsstore.engines.files.watching.scan import Scan
from fsstore.events import UNKNOWN
from fsstore.revisions import revision as revision_of

_STEP = 50  # files


class Learning:
    """The files that are still to be read."""

    def __init__(self, tree: Tree, limit: int, scan: Scan) -> None:
        self._tree, self._limit, self._scan = tree, limit, scan
        self._steps: Iterator[None] = self._learn()
        self.goes_on = True

    def step(self) -> None:
        """Read some more of them."""
        self.goes_on = next(self._steps, self) is not self

    def _learn(self) -> Iterator[None]:
        read = 0
        for path in self._scan.found_first():
            directory = self._scan.directories.get(path)
            if directory is None or directory.level is None:
                continue
            for name in list(directory.files):
                mark = directory.files.get(name)
                if mark is None or mark[SIGNATURE:] != UNKNOWN:
                    continue
                revision = self._read(directory.prefix + name, mark)
                if revision and directory.files.get(name) == mark:
                    directory.files[name] = mark[:SIGNATURE] + revision
                read += 1
                if read % _STEP == 0:
                    yield

    def _read(self, path: str, mark: bytes) -> bytes:
        """The revision of what the file holds, if it is still the one that was looked at; else empty."""
        try:
            fd = self._tree.open_file(self._tree.absolute(path))
        except OSError:
            return b""
        try:
            status = os.fstat(fd)
            if signature(status) != mark[:SIGNATURE] or status.st_size > self._limit:
                return b""
            raw = os.read(fd, status.st_size + 1)
            if len(raw) != status.st_size or signature(os.fstat(fd)) != mark[:SIGNATURE]:
                return b""
            return bytes.fromhex(revision_of(raw))
        except OSError:
            return b""
        finally:
            os.close(fd)
