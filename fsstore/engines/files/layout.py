"""What makes a directory a store: its marker, its template, its runtime directory. No records here."""

from __future__ import annotations

import functools
import os
import stat
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from fsstore import keys, values
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.durable import sync_files
from fsstore.engines.files.stripes import Stripe, Stripes, release
from fsstore.errors import NotAStore, StoreMissing
from fsstore.ops import MAX_VALUE_BYTES
from fsstore.records import OFF, POLICIES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

FORMAT = 1
MARKER = "fsstore.json"
META = ".meta"
RULES = f"{META}/.namespace.json"
DURABILITY = frozenset({"process", "snapshot", "power"})
RUNTIME = ".fsstore"
TMP, JOURNAL, COMMITS = f"{RUNTIME}/tmp", f"{RUNTIME}/journal", f"{RUNTIME}/commits"  # noqa: S108
CURSORS, INDEX = f"{RUNTIME}/cursors", f"{RUNTIME}/index"
RUNS, SNAPSHOT = f"{RUNTIME}/runs", f"{RUNTIME}/snapshot"
_MARKER_LIMIT = 1024 * 1024
_INIT_STRIPE = 0


class Marker(NamedTuple):
    """What ``fsstore.json`` says."""

    format: int
    id: str
    settings: dict[str, Any]
    max_value_bytes: int = MAX_VALUE_BYTES
    """A setting: the largest size of a value's file."""
    durability: str = "snapshot"
    """A setting: what a write survives unless it, or the handle, says otherwise."""
    credentials: str = OFF
    """A setting: what is done about a value that looks like a credential, unless whoever opens it says otherwise."""


def read_marker(tree: Tree) -> Marker:
    """The marker of the store at the tree's root. Raises `StoreMissing` or `NotAStore`."""
    path = f"{tree.root}/{MARKER}"
    try:
        found = values.decode(tree.read(MARKER, _MARKER_LIMIT))
        settings = dict(found.get("settings", {}))
        limit = int(settings.get("max_value_bytes", MAX_VALUE_BYTES))
        durability = settings.get("durability", "snapshot")
        if durability not in DURABILITY:
            raise ValueError(f"durability is one of {', '.join(sorted(DURABILITY))}; not {durability!r}")
        credentials = settings.get("credentials", OFF)
        if credentials not in POLICIES:
            raise ValueError(f"credentials is one of {', '.join(POLICIES)}; not {credentials!r}")
        return Marker(int(found["format"]), str(found["id"]), settings, limit, durability, credentials)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreMissing(
            f"{tree.root} is no fsstore: it has no {MARKER}. Make one with: fsstore init {tree.root}", path=tree.root
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAStore(
            f'{path} is damaged ({error}). It should read {{"format": {FORMAT}, "id": "<a uuid>", "settings": {{}}}}; '
            f"bring it back with: git checkout -- {MARKER}",
            path=path,
        ) from None


def initialize(tree: Tree, *, adopt: bool = False) -> Marker:
    """Make the directory a store, or find that it is one; never changes a file that is there.

    The marker is written last, so that an interrupted attempt leaves what the next one completes.
    Raises `NotAStore` for a directory that holds other things, unless they are to be adopted.
    """
    if (outer := store_around(tree.root)) is not None:
        raise NotAStore(
            f"{tree.root} lies inside the store {outer}, where its files would be keys. Choose a directory outside.",
            path=tree.root,
        )
    try:
        os.makedirs(tree.root, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotAStore(f"{tree.root} is, or lies below, a file. A store is a directory.", path=tree.root) from None
    try:
        return read_marker(tree)
    except StoreMissing:
        pass
    templates = {entry.name: entry.read_bytes() for entry in _template().iterdir()}
    if not adopt and (others := _other_content(tree, templates)):
        try:
            return read_marker(tree)  # somebody was faster, and has written already
        except StoreMissing:
            raise NotAStore(
                f"{tree.root} is not empty and no fsstore (it holds {others[0]!r}{' and more' if others[1:] else ''}). "
                f"To make its JSON files keys, look first with: fsstore init --adopt --dry-run {tree.root}",
                path=tree.root,
            ) from None
    for directory in (TMP, JOURNAL, COMMITS):
        os.close(tree.make_directories(directory))
    stripes = Stripes.shared(tree, JOURNAL)
    held: list[Stripe] = []
    try:
        stripes.acquire([_INIT_STRIPE], into=held)
        return read_marker(tree)  # somebody else was faster
    except StoreMissing:
        return _make(tree, templates)
    finally:
        release(held)
        stripes.leave()


def _make(tree: Tree, templates: dict[str, bytes]) -> Marker:
    """Write the template and then the marker; all is durable, so that only values can be lost with the power."""
    marker = Marker(FORMAT, str(uuid.uuid4()), {})
    content = values.encode({"format": marker.format, "id": marker.id, "settings": marker.settings})
    for name, raw in (*templates.items(), (MARKER, content)):
        if not os.path.lexists(f"{tree.root}/{name}"):
            staged = tree.absolute(f"{TMP}/{tree.new_name(_INIT_STRIPE)}")
            tree.stage(staged, raw, sync=True)  # a half template would be somebody else's file
            os.rename(staged, tree.absolute(name))
    sync_files(tree, [*templates, MARKER, *(f"{name}/" for name in (TMP, JOURNAL, COMMITS))])
    return marker


def adoptable(root: str) -> tuple[dict[str, list[str]], list[str]]:
    """What would become of a directory's files: keys by namespace, and paths that would stay foreign."""
    found: dict[str, list[str]] = {}
    foreign: list[str] = []
    for parent, directories, files in os.walk(root):
        directories[:] = sorted(name for name in directories if parent != root or name not in (".git", RUNTIME))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(parent, name), root)
            namespace, key = name_of(path)
            regular = stat.S_ISREG(os.lstat(os.path.join(root, path)).st_mode)
            if namespace is not None and key is not None and regular:
                found.setdefault(namespace, []).append(key)
            else:
                foreign.append(path)
    return found, foreign


def rules_path(namespace: str) -> str:
    """Where the rules of a namespace lie, relative to the store. Raises `InvalidName`."""
    return f"{keys.encode_namespace(namespace)}/{RULES}"


@functools.lru_cache(4096)
def is_rules(path: str) -> bool:
    """Whether a path is that of a namespace's rules."""
    owner, found, rest = path.partition(f"/{RULES}")
    return bool(found) and not rest and keys.decode_namespace(owner) is not None


def name_of(path: str) -> tuple[str | None, str | None]:
    """The namespace and key of a path relative to the store; ``None`` for what it does not have."""
    parts = path.split("/")
    depth = 1
    while depth < len(parts) and parts[depth - 1].endswith("%"):
        depth += 1
    namespace = keys.decode_namespace("/".join(parts[:depth])) if len(parts) > depth else None
    return namespace, keys.decode_key("/".join(parts[depth:])) if namespace is not None else None


@functools.lru_cache(4096)
def record_of(path: str) -> tuple[str | None, str | None, bool]:
    """The namespace and key of a path, and whether it is the key's metadata."""
    if len(os.fsencode(path.replace(f"/{META}/", "/", 1))) > keys.MAX_PATH:
        return None, None, False
    namespace, key = name_of(path)
    if key is not None or f"/{META}/" not in path:
        return namespace, key, False
    owner, _, below = path.partition(f"/{META}/")
    return keys.decode_namespace(owner), keys.decode_key(below), True


@functools.lru_cache(1)
def template_names() -> frozenset[str]:
    """The files that the making of a store writes."""
    return frozenset({MARKER, *(entry.name for entry in _template().iterdir())})


def _template() -> Traversable:
    from importlib import resources
    from pathlib import Path

    packaged = resources.files(__package__) / "template"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / ".store-template"  # a source checkout


def store_around(root: str) -> str | None:
    """The store that a directory lies in, if it is none itself."""
    if os.path.lexists(f"{root}/{MARKER}"):
        return None
    above = os.path.dirname(root)
    while above != os.path.dirname(above):
        if os.path.lexists(f"{above}/{MARKER}"):
            return above
        above = os.path.dirname(above)
    return None


def _other_content(tree: Tree, templates: dict[str, bytes]) -> list[str]:
    ours = {".git", RUNTIME}
    return [
        name
        for name in sorted(os.listdir(tree.root))
        if name not in ours and not (name in templates and _is_template(tree, name, templates[name]))
    ]


def _is_template(tree: Tree, name: str, raw: bytes) -> bool:
    try:
        return tree.read(name, _MARKER_LIMIT) == raw
    except OSError:
        return False
