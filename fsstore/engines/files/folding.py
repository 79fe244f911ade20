"""File systems that take two names for one (macOS, Windows): find out, and find whose name it is. No records."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable

from fsstore.engines.files.atomic import DIRECTORY, Tree
from fsstore.engines.files.layout import MARKER
from fsstore.errors import NameCollision


def folds_names(tree: Tree) -> bool:
    """Does this file system take upper and lower case for the same? Asked of the marker, so nothing is written."""
    try:
        tree.stat(MARKER.upper())
    except FileNotFoundError:
        return False
    return MARKER.upper() not in os.listdir(tree.root)  # inodes do not tell: some FUSE systems give each spelling one


def fold(path: str) -> str:
    """One form for all paths that may be the same file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def collision(namespace: str, key: str, other: str) -> NameCollision:
    """The error for a key that would land on the path ``other``."""
    return NameCollision(
        f"key {key!r} of namespace {namespace!r} would land on {other}, another name: this file system takes both "
        f"for one. Use a key that differs in more than case or accents.",
        namespace=namespace,
        key=key,
        path=other,
    )


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


def refuse_twins(names: Iterable[tuple[str, str, str]]) -> None:
    """Raise `NameCollision` if two of these (namespace, key, path) are one file or directory.

    Neither need be on disk yet, where `other_name` would find it.
    """
    spelled: dict[str, str] = {}
    for namespace, key, path in names:
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            part = "/".join(parts[:length])
            other = spelled.setdefault(fold(part), part)
            if other != part:
                raise collision(namespace, key, other)
