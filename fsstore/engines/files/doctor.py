"""What in a store's directory is no healthy record. It looks and tells; it changes nothing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from fsstore import keys, values
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import READ, Tree, irregular, read_descriptor
from fsstore.engines.files.sidecars import parse
from fsstore.errors import InvalidName
from fsstore.records import Finding

_OURS = frozenset({layout.MARKER, "README.md", ".gitignore", ".gitattributes", ".gitmodules"})


def examine(tree: Tree, limit: int) -> Iterator[Finding]:
    """Every finding, in the order of the paths. One read of every record's file."""
    closed: list[Finding] = []
    for parent, directories, files in os.walk(tree.root, onerror=lambda error: closed.extend(_closed(tree, error))):
        yield from closed
        closed.clear()
        at = os.path.relpath(parent, tree.root)
        at = "" if at == "." else at + "/"
        directories.sort()
        links = [name for name in directories if os.path.islink(os.path.join(parent, name))]
        for name in sorted([*files, *links]):
            yield from _examine_file(tree, at + name, limit)
        if not at:
            directories[:] = [name for name in directories if name not in (".git", layout.RUNTIME)]
        directories[:] = [name for name in directories if name not in links]
        for name in list(directories):
            if name.endswith(keys.SUFFIX):
                directories.remove(name)
                yield _directory_in_the_way(at + name)
    yield from closed
    yield from _leftovers(tree)


def _closed(tree: Tree, error: OSError) -> list[Finding]:
    """What a directory that could not be listed is, unless it has just gone."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return []
    return [Finding(os.path.relpath(error.filename, tree.root), "unreadable", f"{error.strerror}.")]


def _examine_file(tree: Tree, path: str, limit: int) -> Iterator[Finding]:
    if path in _OURS:
        return
    try:
        mode = tree.stat(path).st_mode
    except FileNotFoundError:  # it went while we walked
        return
    namespace, key, is_metadata = _name(path)
    wrong = irregular(mode)
    if wrong is not None:
        yield Finding(path, "not-regular", f"{wrong.strerror}; only regular files are read. Put the value itself here.")
    elif key is None or namespace is None:
        yield _no_key(path)
    elif is_metadata and not _exists(tree, keys.path_of(namespace, key)):
        yield Finding(path, "orphaned-metadata", f"its key {key!r} is gone; remove it, or bring back the key.")
    else:
        yield from _examine_content(tree, path, limit, parse if is_metadata else values.decode)


def _examine_content(tree: Tree, path: str, limit: int, parse: Callable[[bytes], object]) -> Iterator[Finding]:
    try:
        fd = tree.open(path, READ)
        try:
            parse(read_descriptor(fd, limit))
        finally:
            os.close(fd)
    except values.Malformed as error:
        where = "" if error.line is None else f"line {error.line}, column {error.column}: "
        yield Finding(path, "bad-value", f"{where}{error.reason}. Mend the file, or set the key anew.")
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.EFBIG:
            yield Finding(path, "too-large", f"more bytes than the store's limit of {limit:,}; split the value.")
            return
        yield Finding(path, "unreadable", f"{error.strerror or error}.")


def _no_key(path: str) -> Finding:
    if path.endswith(keys.SUFFIX):
        return Finding(path, "not-canonical", f"no key has this name on disk; {_meant(path)}.")
    return Finding(path, "foreign", "no record; fsstore leaves it alone.")


def _meant(path: str) -> str:
    """What to do with a file that is called almost as a key's."""
    namespace, _, file = path.partition("/")
    if not file:
        return "keys lie in the directories of namespaces: move it into one"
    key = ":".join(unquote(file[: -len(keys.SUFFIX)], errors="replace").split("/"))
    try:
        place = keys.path_of(unquote(namespace), key)
    except InvalidName:
        return "rename it, or set the key with fsstore"
    return f"if key {key!r} is meant, rename it to {place}"


def _name(path: str) -> tuple[str | None, str | None, bool]:
    """The namespace and key of a path, and whether it is the key's metadata."""
    if len(os.fsencode(path.replace(f"/{layout.META}/", "/", 1))) > keys.MAX_PATH:
        return None, None, False
    namespace, key = layout.name_of(path)
    if key is not None or f"/{layout.META}/" not in path:
        return namespace, key, False
    owner, _, below = path.partition(f"/{layout.META}/")
    return keys.decode_namespace(owner), keys.decode_key(below), True


def _exists(tree: Tree, path: str) -> bool:
    try:
        return not stat.S_ISDIR(tree.stat(path).st_mode)
    except OSError:
        return False


def _directory_in_the_way(path: str) -> Finding:
    return Finding(path, "not-regular", "a directory where a key's file belongs; rename it.")


def _leftovers(tree: Tree) -> Iterator[Finding]:
    try:
        names = sorted(os.listdir(f"{tree.root}/{layout.TMP}"))
    except OSError:
        return
    for name in names:
        pid = name.partition("-")[0]
        if not (pid.isdigit() and _runs(int(pid))):
            yield Finding(f"{layout.TMP}/{name}", "leftover", "a process died before it was done with it; remove it.")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
