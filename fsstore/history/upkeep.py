"""Keeping the history small: many packs become few. No object is ever dropped.

Each snapshot writes a small pack. When there are many, they are joined as they are, which costs little; `collect` packs
everything anew with deltas, which takes long and saves most.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator

from fsstore.commits import Collected, Cost
from fsstore.engines.files.atomic import Tree
from fsstore.errors import DamagedHistory
from fsstore.history.objects import DIRECTORY, REPOSITORY, Objects
from fsstore.history.packing import Record, sync_directory, write_pack
from fsstore.history.packs import Pack
from fsstore.history.repository import Repository
from fsstore.history.walking import newest_first

_MANY = 32
_LOOSE = "[0-9a-f]{38}"
_SMALL = 1 << 22  # bytes
_ENDINGS = (".idx", ".rev", ".bitmap", ".mtimes", ".pack")
"""In this order: without its index git does not look for a pack."""


def join(tree: Tree, objects: Objects, *, sync: bool) -> int:
    """Make one pack of the small ones, once there are many; how many it replaced.

    The caller holds the store's own lock of the repository. Git's commands may read meanwhile: they look again for
    what they do not find.
    """
    try:
        names = [name for name in os.listdir(f"{tree.root}/objects/pack") if name.endswith(".idx")]
    except FileNotFoundError:
        return 0
    if len(names) < _MANY:
        return 0
    small: dict[str, list[Record]] = {}
    for name in names:
        path = f"objects/pack/{name.removesuffix('.idx')}"
        with contextlib.suppress(FileNotFoundError, DamagedHistory):
            records = _joinable(tree, path)
            if records is not None:
                small[path] = records
    if len(small) < _MANY:
        return 0
    unique = {record.oid: record for records in small.values() for record in records}
    joined = write_pack(tree, unique.values(), sync=True)
    _remove(tree, [path for path in small if path != joined])
    objects.packs()
    if sync:
        sync_directory(tree, "objects/pack")
    return len(small)


def _joinable(tree: Tree, path: str) -> list[Record] | None:
    """The records of a small pack without deltas, which nobody wants kept."""
    if os.path.lexists(f"{tree.root}/{path}.keep") or os.stat(f"{tree.root}/{path}.pack").st_size > _SMALL:
        return None
    records = Pack(tree, path).records()
    return None if records is None else [Record(*record) for record in records]


def _remove(tree: Tree, paths: list[str]) -> None:
    for path in paths:
        for ending in _ENDINGS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(tree.absolute(f"{path}{ending}"))


def cost(tree: Tree) -> Cost:
    """What the objects take."""
    size = packs = loose = 0
    for parent, _, files in os.walk(f"{tree.root}/objects"):
        for name in files:
            packs += name.endswith(".pack")
            loose += re.fullmatch(_LOOSE, name) is not None
            with contextlib.suppress(FileNotFoundError):
                size += os.lstat(f"{parent}/{name}").st_size
    return Cost(size, packs, loose)


def collect(repository: Repository) -> Collected:
    """Pack all objects anew, with deltas, and remove what that replaces. The caller holds the store's own lock.

    Raises `DamagedHistory` before anything is changed if an object cannot be read.
    """
    tree, objects = repository.tree, repository.objects
    before = cost(tree)
    old = [pack.name for pack in objects.packs()]
    loose = _loose(tree)
    for oid in loose:
        objects.read(oid)  # libgit2 would loop for ever on one that is cut short
    if not _pack_all(repository):
        return Collected(before, before)
    made = {pack.name for pack in objects.packs()} - set(old)
    for name in made:
        _sync(tree, name)
    sync_directory(tree, "objects/pack")
    if made:
        kept = {name for name in old if os.path.lexists(f"{tree.root}/{name}.keep")}
        _remove(tree, [name for name in old if name not in kept])
        _remove_loose(tree, objects, loose)
    objects.packs()
    return Collected(before, cost(tree))


def _pack_all(repository: Repository) -> bool:
    """Make one pack of all objects; whether there are any."""
    import pygit2

    path = repository.directory
    try:
        found = pygit2.Repository(repository.root)
        try:
            builder = pygit2.PackBuilder(found)
            for oid in _by_path(repository):
                builder.add(pygit2.Oid(raw=oid))
            for each in found.odb:
                builder.add(each)
            if len(builder):
                builder.write(f"{path}/objects/pack")
            return bool(len(builder))
        finally:
            found.free()  # it keeps the packs open
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise DamagedHistory(f"{path} cannot be packed: {error}. See what is left with: git fsck", path=path) from None


def _by_path(repository: Repository) -> Iterator[bytes]:
    """The trees and files of the branch, those of one path together and the newest first.

    libgit2 looks for the base of a delta among the ten that come before, by size and then in this order.
    """
    objects, tip = repository.objects, repository.refs.head().commit
    found: dict[bytes, dict[bytes, None]] = {}
    for commit in () if tip is None else newest_first(objects, tip):
        parent = objects.commit(commit.parents[0]).tree if commit.parents else None
        _gather(objects, parent, commit.tree, b"", found)
    return itertools.chain.from_iterable(found.values())


def _gather(
    objects: Objects, old: bytes | None, new: bytes, path: bytes, found: dict[bytes, dict[bytes, None]]
) -> None:
    """Add what a tree has at a path and below it that another has not there."""
    if new == old:
        return
    found.setdefault(path, {})[new] = None
    before = objects.tree(old)
    for name, (mode, oid) in objects.tree(new).items():
        was = before.get(name)
        if was == (mode, oid) or mode == REPOSITORY:
            continue
        under = path + b"/" + name
        if mode == DIRECTORY:
            _gather(objects, was[1] if was and was[0] == DIRECTORY else None, oid, under, found)
        else:
            found.setdefault(under, {})[oid] = None


def _sync(tree: Tree, name: str) -> None:
    for ending in (".pack", ".idx"):
        fd = os.open(tree.absolute(name + ending), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _loose(tree: Tree) -> list[bytes]:
    found = []
    for name in os.listdir(f"{tree.root}/objects"):
        if re.fullmatch("[0-9a-f]{2}", name):
            try:
                names = os.listdir(f"{tree.root}/objects/{name}")
            except FileNotFoundError:  # git has packed what was in it just now
                continue
            found += [bytes.fromhex(name + rest) for rest in names if re.fullmatch(_LOOSE, rest)]
    return found


def _remove_loose(tree: Tree, objects: Objects, loose: list[bytes]) -> None:
    """Remove the loose objects that are in a pack now."""
    packs = objects.packs()
    for oid in loose:
        if any(pack.offset(oid) >= 0 for pack in packs):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(tree.absolute(f"objects/{oid.hex()[:2]}/{oid.hex()[2:]}"))
