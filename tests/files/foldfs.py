"""A file system in memory, served by FUSE, with the names of macOS and Windows: kept as given, compared folded.

Two names that differ only in case or Unicode normalisation are one. A program of its own: ``python -m files.foldfs
MOUNTPOINT``; with ``by-path`` after it each spelling of a name shows an inode of its own, as FUSE file systems do that
leave inodes to the library.
"""

from __future__ import annotations

import sys
import unicodedata

from files.memfs import MemoryFiles, Node, serve


class FoldedNode(Node):
    """Names are compared without case and normalisation."""

    @staticmethod
    def compared(name: str) -> str:
        """One form for all spellings."""
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class FoldingFiles(MemoryFiles):
    """Files whose names fold."""

    kind = FoldedNode


if __name__ == "__main__":
    serve(FoldingFiles(), sys.argv[1], use_ino="by-path" not in sys.argv)
