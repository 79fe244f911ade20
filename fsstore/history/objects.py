"""The object database of a repository, read: loose objects and packs. Nothing here writes, and nothing hangs.

libgit2 loops for ever on an object that is cut short (1.9.7); here it is a `DamagedHistory`.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from typing import NamedTuple

from fsstore.engines.files.atomic import Tree
from fsstore.errors import DamagedHistory
from fsstore.history.packs import Object, Pack, object_id

Entry = tuple[bytes, bytes]
"""What a tree says of a name: mode (``b"100644"``, ``b"40000"``) and id."""

DIRECTORY, FILE, PROGRAM, LINK, REPOSITORY = b"40000", b"100644", b"100755", b"120000", b"160000"
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)
_SIGNATURE = re.compile(r"(.*?) ?<([^>]*)> (-?\d+) ([+-])(\d\d)(\d\d)$")
_LIMIT = 1 << 32
_CACHED = 4096
_SMALL = 1 << 16


class Signature(NamedTuple):
    """Who, and when in seconds since the epoch, ``offset`` minutes east of Greenwich."""

    name: str
    email: str
    time: int
    offset: int

    def __str__(self) -> str:
        sign, minutes = ("-", -self.offset) if self.offset < 0 else ("+", self.offset)
        return f"{self.name} <{self.email}> {self.time} {sign}{minutes // 60:02d}{minutes % 60:02d}"


class RawCommit(NamedTuple):
    """A commit as git stores it."""

    id: bytes
    tree: bytes
    parents: tuple[bytes, ...]
    author: Signature
    committer: Signature
    message: str


class Objects:
    """The objects of one repository. Safe to share between threads."""

    def __init__(self, directory: str) -> None:
        """``directory`` is that of ``.git``."""
        self._files = Tree(directory)
        self._packs: list[Pack] | None = None
        self._trees: dict[bytes, dict[bytes, Entry]] = {}
        self._bases: dict[bytes, Object] = {}
        self._shallow: frozenset[bytes] | None = None

    def read(self, oid: bytes) -> Object:
        """Kind and content. Raises `DamagedHistory` for what is not there, or is not what it should be."""
        found = self._packed(oid) or self._loose(oid) or self._packed(oid, again=True)
        if found is None:
            raise self._damaged(oid, "is missing")
        return found

    def has(self, oid: bytes) -> bool:
        """Whether the object is there."""
        if any(pack.offset(oid) >= 0 for pack in self._all_packs()):
            return True
        if os.access(self._files.absolute(_path(oid)), os.F_OK):
            return True
        return any(pack.offset(oid) >= 0 for pack in self.packs())

    def blob(self, oid: bytes) -> bytes:
        """The content of a file."""
        return self._of_kind(oid, b"blob")

    def tree(self, oid: bytes | None) -> dict[bytes, Entry]:
        """The entries of a tree by name, in git's order; none for ``None``. The dictionary is shared: leave it."""
        if oid is None:
            return {}
        found = self._trees.get(oid)
        if found is None:
            raw = self._of_kind(oid, b"tree")
            entries = _ENTRY.findall(raw)
            found = {name: (mode, entry) for mode, name, entry in entries}
            if sum([len(mode) for mode, _, _ in entries]) + sum(map(len, found)) + 22 * len(found) != len(raw):
                raise self._damaged(oid, "is no tree")
            self.remember(oid, found)
        return found

    def remember(self, oid: bytes, entries: dict[bytes, Entry]) -> None:
        """Keep what a tree holds, for the next who asks."""
        if len(self._trees) >= _CACHED:
            self._trees.clear()
        self._trees[oid] = entries

    def commit(self, oid: bytes) -> RawCommit:
        """A commit. Of one whose history was cut off (a shallow clone) there are no parents."""
        raw = self._of_kind(oid, b"commit")
        head, _, message = raw.partition(b"\n\n")
        fields: dict[bytes, list[bytes]] = {}
        for line in head.split(b"\n"):
            name, _, value = line.partition(b" ")
            if name:
                fields.setdefault(name, []).append(value)
        try:
            encoding = fields.get(b"encoding", [b"utf-8"])[0].decode()
            author, committer = (_signature(fields[name][0]) for name in (b"author", b"committer"))
            parents = tuple(bytes.fromhex(parent.decode()) for parent in fields.get(b"parent", ()))
            tree = bytes.fromhex(fields[b"tree"][0].decode())
        except (KeyError, ValueError):
            raise self._damaged(oid, "is no commit") from None
        try:
            text = message.decode(encoding, "replace")
        except LookupError:
            text = message.decode("utf-8", "replace")
        return RawCommit(oid, tree, () if oid in self._cut_off() else parents, author, committer, text)

    def peeled(self, oid: bytes) -> bytes:
        """The commit that a tag names, through any number of tags; another object names itself."""
        for _ in range(100):
            kind, content = self.read(oid)
            if kind != b"tag":
                return oid
            try:
                oid = bytes.fromhex(content.partition(b"\n")[0].removeprefix(b"object ").decode())
            except ValueError:
                break
        raise self._damaged(oid, "is no tag")

    def blob_at(self, tree: bytes | None, path: bytes) -> Entry | None:
        """What lies at a path in a tree."""
        entry: Entry | None = None
        for name in path.split(b"/"):
            entry = self.tree(tree).get(name)
            if entry is None:
                return None
            tree = entry[1] if entry[0] == DIRECTORY else None
        return entry

    def file_at(self, tree: bytes | None, path: bytes) -> Entry | None:
        """The same for a path where a directory counts as nothing."""
        entry = self.blob_at(tree, path)
        return None if entry and entry[0] == DIRECTORY else entry

    def find(self, prefix: str) -> list[bytes]:
        """The ids that begin with these hexadecimal digits."""
        whole = bytes.fromhex(prefix[: len(prefix) // 2 * 2])
        found = {oid for pack in self.packs() for oid in pack.ids(whole) if oid.hex().startswith(prefix)}
        try:
            names = os.listdir(f"{self._files.root}/objects/{prefix[:2]}")
        except (FileNotFoundError, NotADirectoryError):
            names = []
        hexes = [prefix[:2] + name for name in names if re.fullmatch("[0-9a-f]{38}", name)]
        return sorted(found | {bytes.fromhex(text) for text in hexes if text.startswith(prefix)})

    def packs(self) -> list[Pack]:
        """All packs, listed anew."""
        self._packs = None
        return list(self._all_packs())

    def _of_kind(self, oid: bytes, kind: bytes) -> bytes:
        found, content = self.read(oid)
        if found != kind:
            raise self._damaged(oid, f"is a {found.decode()}, not a {kind.decode()}")
        return content

    def _packed(self, oid: bytes, *, again: bool = False) -> Object | None:
        if again:
            self._packs = None
        packs = self._all_packs()  # a list that stays as it is: other threads are going through it, too
        for number, pack in enumerate(packs):
            offset = pack.offset(oid)
            if offset >= 0:
                if number > 4 and self._packs is packs:  # what was wanted once is wanted again
                    self._packs = [pack, *packs[:number], *packs[number + 1 :]]
                if (found := self._from(pack, offset, oid)) is not None:
                    return found
        return None

    def _from(self, pack: Pack, offset: int, oid: bytes) -> Object | None:
        try:
            found = pack.read(offset, self._base)
        except FileNotFoundError:  # joined to another pack since it was listed
            self._packs = None
            return None
        except RecursionError:
            raise self._damaged(oid, "is a delta of itself") from None
        if object_id(*found) != oid:
            raise self._damaged(oid, "is another object")
        return found

    def _base(self, oid: bytes) -> Object:
        found = self._bases.get(oid)
        if found is None:
            found = self.read(oid)
            if len(found[1]) < _SMALL:
                if len(self._bases) >= _CACHED:
                    self._bases.clear()
                self._bases[oid] = found
        return found

    def _all_packs(self) -> list[Pack]:
        packs = self._packs
        if packs is None:
            packs = []
            try:
                names = os.listdir(f"{self._files.root}/objects/pack")
            except FileNotFoundError:
                names = []
            there = set(names)
            for name in names:
                stem = name.removesuffix(".idx")
                if name != stem and f"{stem}.pack" in there:  # libgit2 makes the index first, and may die in between
                    with contextlib.suppress(FileNotFoundError):
                        packs.append(Pack(self._files, f"objects/pack/{stem}"))
            self._packs = packs
        return packs

    def _loose(self, oid: bytes) -> Object | None:
        try:
            raw = self._files.read(_path(oid), _LIMIT)
        except FileNotFoundError:
            return None
        inflater = zlib.decompressobj()
        try:
            head, zero, content = inflater.decompress(raw).partition(b"\0")
        except zlib.error as error:
            raise self._damaged(oid, f"is damaged ({error})") from None
        kind, _, size = head.partition(b" ")
        if not inflater.eof or not zero or size != b"%d" % len(content) or object_id(kind, content) != oid:
            raise self._damaged(oid, "is cut short or damaged")
        return kind, content

    def _cut_off(self) -> frozenset[bytes]:
        if self._shallow is None:
            try:
                lines = self._files.read("shallow", _LIMIT).split()
            except FileNotFoundError:
                lines = []
            self._shallow = frozenset(bytes.fromhex(line.decode("ascii", "replace")) for line in lines)
        return self._shallow

    def _damaged(self, oid: bytes, what: str) -> DamagedHistory:
        return DamagedHistory(
            f"object {oid.hex()} in {self._files.root} {what}. See what is left with: git fsck", path=self._files.root
        )


def _path(oid: bytes) -> str:
    name = oid.hex()
    return f"objects/{name[:2]}/{name[2:]}"


def _signature(raw: bytes) -> Signature:
    match = _SIGNATURE.match(raw.decode("utf-8", "replace"))
    if match is None:
        raise ValueError(raw)
    name, email, time, sign, hours, minutes = match.groups()
    offset = int(hours) * 60 + int(minutes)
    return Signature(name, email, int(time), -offset if sign == "-" else offset)


def commit_content(tree: bytes, parent: bytes | None, author: Signature, committer: Signature, message: str) -> bytes:
    """The content of a commit object with at most one parent."""
    lines = [f"tree {tree.hex()}"]
    if parent is not None:
        lines.append(f"parent {parent.hex()}")
    lines += [f"author {author}", f"committer {committer}", "", message]
    return "\n".join(lines).encode("utf-8", "replace")
