"""File systems that take two names for one (macOS, Windows): find out, and find whose name it is. No records."""

from __future__ import annotations

import os
import unicodedata

from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import MARKER


def folds_names(tree: Tree) -> bool:
    """Does this file system take upper and lower case for the same? Asked of the marker, so nothing is written."""
    try:
        return os.path.samestat(tree.stat(MARKER), tree.stat(MARKER.upper()))
    except FileNotFoundError:
        return False


def fold(path: str) -> str:
    """One form for all paths that may be the same file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def other_name(tree: Tree, path: str) -> str | None:
    """The path that lies, under another name, where ``path`` would; ``None`` if nothing does.

    Costs a listing of each directory on the way.
    """
    at = ""
    for name in path.split("/"):
        try:
            fd = tree.open(at.rstrip("/"), DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            present = os.listdir(fd)
        finally:
            os.close(fd)
        if name not in present:
            folded = fold(name)
            return next((f"{at}{other}" for other in present if fold(other) == folded), None)
        at += name + "/"
    return None
