"""What in a store's directory is no healthy record. It looks and tells; it changes nothing."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from fsstore import keys, values
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import READ, Tree, irregular, read_descriptor
from fsstore.engines.files.folding import fold
from fsstore.engines.files.gate import Gate
from fsstore.engines.files.leftovers import leftovers, unheld
from fsstore.engines.files.places import Places
from fsstore.engines.files.rules import LIMIT, NamespaceRules, parse_rules
from fsstore.engines.files.sidecars import Sidecars, end_of, parse
from fsstore.errors import InvalidName, InvalidValue
from fsstore.records import Finding

_OURS = frozenset({layout.MARKER, "README.md", ".gitignore", ".gitattributes", ".gitmodules"})

_MANY = 10_000
"""Entries of one directory; git stores a directory as one object, anew for each change of it."""


class Examination:
    """One look at a store, by a reader that takes no writer's lock away for longer than a few system calls."""

    def __init__(self, tree: Tree, limit: int, places: Places, gate: Gate) -> None:
        self._tree = tree
        self._limit = limit
        self._places = places
        self._gate = gate
        self._rules = NamespaceRules(tree)
        self._sidecars = Sidecars(tree, limit)

    def findings(self) -> Iterator[Finding]:
        """Every finding, in the order of the directories. One read of every record's file."""
        tree = self._tree
        yield from leftovers(tree)
        closed: list[Finding] = []
        for parent, directories, files in os.walk(tree.root, onerror=lambda error: closed.extend(_closed(tree, error))):
            yield from closed
            closed.clear()
            at = os.path.relpath(parent, tree.root)
            at = "" if at == "." else at + "/"
            if not at:
                directories[:] = [name for name in directories if name not in (".git", layout.RUNTIME)]
            directories.sort()
            links = [name for name in directories if os.path.islink(os.path.join(parent, name))]
            directories[:] = [name for name in directories if name not in links]
            yield from _clashes(at, directories, files)
            if len(directories) + len(files) > _MANY:
                yield _many(at or ".", len(directories) + len(files))
            for name in sorted([*files, *links]):
                yield from self._file(at + name)
            for name in list(directories):
                if name.endswith(keys.SUFFIX):
                    directories.remove(name)
                    yield _directory_in_the_way(at + name)
        yield from closed

    def _file(self, path: str) -> Iterator[Finding]:
        if path in _OURS:
            return
        try:
            mode = self._tree.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):  # it went while we walked
            return
        namespace, key, is_metadata = layout.record_of(path)
        wrong = irregular(mode)
        if wrong is not None:
            yield not_regular(path, wrong.strerror or "")
        elif layout.is_rules(path):
            yield from self._content(path, _as_rules, LIMIT)
        elif key is None or namespace is None:
            yield _no_key(path)
        elif is_metadata and not exists(self._tree, keys.path_of(namespace, key)):
            if self._is_orphaned(path, namespace, key):
                yield Finding(path, "orphaned-metadata", f"its key {key!r} is gone; remove it, or bring back the key.")
        elif is_metadata:
            yield from self._beside(path, namespace, key)
        else:
            yield from self._content(path, values.decode)

    def _beside(self, path: str, namespace: str, key: str) -> Iterator[Finding]:
        """What is wrong with the file beside a value."""
        ends: list[float | None] = []
        yield from self._content(path, lambda raw: ends.append(end_of(parse(raw))))
        if ends in ([], [None]):
            return
        if self._rules.may_expire(namespace):
            yield from self._outlived(path, namespace, key)
            return
        rules = layout.rules_path(namespace)
        reason = (
            f'it says when key {key!r} ends, and nobody looks for that: {rules} does not say "expires": true. Write it '
            f'there, and the key ends, or take "expires" out of this file.'
        )
        yield Finding(path, "unheeded-end", reason)

    def _outlived(self, path: str, namespace: str, key: str) -> Iterator[Finding]:
        place = self._places.find(namespace, key)
        try:
            status = self._tree.stat(place.path)
        except OSError:  # it is going just now
            return
        if self._sidecars.is_over(place) and self._sidecars.is_outlived(place, status):
            reason = (
                f"key {key!r} had ended before this was written, so it is missing; nobody sweeps it. Set the key anew, "
                f'or take "expires" out of {path}.'
            )
            yield Finding(place.path, "written-late", reason)

    def _is_orphaned(self, path: str, namespace: str, key: str) -> bool:
        """Whether it stays so when no write of the key is under way: a commit places one file after the other."""
        place = self._places.find(namespace, key)
        with unheld(self._tree, place.stripe) as free:
            return (
                free
                and not self._gate.is_open(place.stripe)  # the writer died: the key may be on its way
                and not exists(self._tree, place.path)
                and exists(self._tree, path)
            )

    def _content(self, path: str, parse: Callable[[bytes], object], limit: int | None = None) -> Iterator[Finding]:
        limit = self._limit if limit is None else limit
        try:
            fd = self._tree.open(path, READ)
            try:
                parse(read_descriptor(fd, limit))
            finally:
                os.close(fd)
        except values.Malformed as error:
            yield bad_content(path, error)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.EFBIG:
                yield too_large(path, limit)
                return
            yield Finding(path, "unreadable", f"{error.strerror or error}.")


def _as_rules(raw: bytes) -> None:
    """Raise `Malformed` for what cannot be the rules of a namespace."""
    rules = parse_rules(raw)
    if rules.schema is not None:
        from fsstore.shape import require_schema

        try:
            require_schema(rules.schema)
        except InvalidValue as error:
            raise values.Malformed(f'"schema": {error}') from None


def bad_content(path: str, error: values.Malformed) -> Finding:
    """A file that holds no JSON value, or none that can be metadata."""
    where = "" if error.line is None else f"line {error.line}, column {error.column}: "
    return Finding(path, _malady(error), f"{where}{error.reason}. Mend the file, {_way_out(path)}.")


def _way_out(path: str) -> str:
    """What mends a file of this kind, if not an editor."""
    if layout.is_rules(path):
        return "or remove it: then there are no rules"
    if layout.record_of(path)[2]:
        return "or remove it: then the key has no metadata, and no end"
    return "or set the key anew"


def not_regular(path: str, kind: str) -> Finding:
    """Something else where a key's file belongs."""
    return Finding(path, "not-regular", f"{kind}; only regular files are read. Put the value itself here.")


def too_large(path: str, limit: int) -> Finding:
    """A file of more bytes than the limit."""
    return Finding(path, "too-large", f"more bytes than the store's limit of {limit:,}; split the value.")


def _many(path: str, count: int) -> Finding:
    reason = (
        f"{count:,} entries in one directory: each snapshot that changes one of them stores all the names again. Keys "
        f"with parts (logs:2026:11:26) lie in directories of their own."
    )
    return Finding(path.rstrip("/"), "large-directory", reason)


def exists(tree: Tree, path: str) -> bool:
    """Whether there is anything but a directory at the path."""
    try:
        return not stat.S_ISDIR(tree.stat(path).st_mode)
    except OSError:
        return False


def one_meaning(path: str) -> tuple[str, str] | None:
    """The namespace and key that a file of another name can only have been meant for; ``None`` where two could be.

    A ``%`` may begin an escape or stand for itself; a leading dot hides a tool's file, which must keep
    its name; a decomposed letter may be what the file system made of a composed one.
    """
    namespace, _, file = path.partition("/")
    if not file or "%" in path or unicodedata.normalize("NFC", path) != path:
        return None
    if any(name.startswith(".") for name in path.split("/")):
        return None
    return namespace, file[: -len(keys.SUFFIX)].replace("/", ":")


def _closed(tree: Tree, error: OSError) -> list[Finding]:
    """What a directory that could not be listed is, unless it has just gone."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return []
    return [Finding(os.path.relpath(error.filename, tree.root), "unreadable", f"{error.strerror}.")]


def _malady(error: values.Malformed) -> str:
    if error.reason == "git conflict markers":
        return "conflict-markers"
    return "duplicate-members" if error.reason.startswith("two members") else "bad-value"


def _clashes(at: str, directories: list[str], files: list[str]) -> Iterator[Finding]:
    """Names of keys, or of directories of keys, that lie together and that other file systems take for one."""
    if f"/{layout.META}/" in f"/{at}":  # the values' files say it already
        return
    spelled: dict[str, str] = {}
    for name in sorted([*directories, *files]):
        twin = spelled.setdefault(fold(name), name)
        if twin == name:
            continue
        told = [_called(at + each, is_directory=each in directories) for each in (twin, name)]
        if all(told):
            two = f"{told[0]} and {told[1]} differ in case or Unicode form alone"
            yield Finding(at + name, "case-clash", f"{two}: macOS and Windows take them for one. Rename one of them.")


def _called(path: str, *, is_directory: bool) -> str:
    """What a path is called in a message; empty for what is no key's."""
    if is_directory:
        return f"directory {path}"
    namespace, key, _ = layout.record_of(path)
    return "" if key is None else f"key {key!r} of namespace {namespace!r}"


def _no_key(path: str) -> Finding:
    if path.endswith(keys.SUFFIX):
        return Finding(path, "not-canonical", f"no key has this name on disk; {_meant(path)}.")
    return Finding(path, "foreign", "no record; fsstore leaves it alone.")


def _meant(path: str) -> str:
    """What to do with a file that is called almost as a key's."""
    namespace, _, file = path.partition("/")
    if not file:
        return "keys lie in the directories of namespaces: move it into one"
    *directories, leaf = file[: -len(keys.SUFFIX)].split("/")
    level = keys.ROOT
    for name in directories:
        meant = keys.decode_directory(level, name)
        level = meant or keys.Level(f"{level.text}{unquote(name, errors='replace')}{level.kind}", level.kind)
    key = level.text + unquote(leaf, errors="replace")
    try:
        place = keys.path_of(unquote(namespace), key)
    except InvalidName:
        return "rename it, or set the key with fsstore"
    return f"if key {key!r} is meant, rename it to {place}"


def _directory_in_the_way(path: str) -> Finding:
    return Finding(path, "not-regular", "a directory where a key's file belongs; rename it.")
