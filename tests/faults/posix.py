"""From a log of system calls, every state that a strict disk may be in after a crash. It judges none of them.

The model is the strictest that POSIX allows, as in ALICE (Pillai et al., 2014): content is durable by a sync of its
file, a name by a sync of its directory, everything by ``syncfs``. What is not durable may be there or not, each
name for itself; of the contents none, all, or all with half of the last write.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "openat,openat2,close,write,pwrite64,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,"
    "mkdirat,fsync,fdatasync,syncfs,sched_yield"
)
_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_DESCRIPTOR = re.compile(r"^(-?\w+)(?:<((?:\\x[0-9a-f]{2})*|[^>]*)>)?(?:\(deleted\))?$")

Names = dict[tuple[int, str], int]
"""Inode by directory's inode and name."""
Contents = dict[int, bytes]


@dataclass(frozen=True)
class Entry:
    """A change of names, made at once: what each name stands for after it (``None``: nothing)."""

    changes: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True)
class Content:
    """A write to a file."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncation:
    """A file's new length."""

    inode: int
    length: int


@dataclass(frozen=True)
class Sync:
    """A sync of one file or directory; without an inode of everything."""

    inode: int | None


@dataclass(frozen=True)
class Acknowledged:
    """The verb has returned."""


Event = Entry | Content | Truncation | Sync | Acknowledged


@dataclass
class Model:
    """A tree as it was, and what a log says happened to it."""

    root: str
    names: Names = field(default_factory=dict)
    contents: Contents = field(default_factory=dict)
    directories: set[int] = field(default_factory=lambda: {0})
    events: list[Event] = field(default_factory=list)
    base: tuple[Names, Contents] = field(default_factory=lambda: ({}, {}))
    _inodes: int = 0

    @classmethod
    def of(cls, root: Path) -> Model:
        """The tree as it is now; all of it durable."""
        model = cls(os.path.realpath(root))
        model._scan(model.root, 0)
        model.base = (dict(model.names), dict(model.contents))
        return model

    def _new(self, *, directory: bool) -> int:
        self._inodes += 1
        if directory:
            self.directories.add(self._inodes)
        else:
            self.contents[self._inodes] = b""
        return self._inodes

    def _scan(self, path: str, inode: int) -> None:
        with os.scandir(path) as entries:
            for entry in entries:
                below = self.names[inode, entry.name] = self._new(directory=entry.is_dir())
                if entry.is_dir():
                    self._scan(entry.path, below)
                else:
                    self.contents[below] = Path(entry.path).read_bytes()

    def find(self, path: str) -> tuple[int, str, int | None] | None:
        """A path's directory, name and inode; ``None`` outside of the tree."""
        path = os.path.normpath(path)
        if path == self.root:
            return 0, "", 0
        if not path.startswith(self.root + "/"):
            return None
        *parents, name = path[len(self.root) + 1 :].split("/")
        at = 0
        for parent in parents:
            found = self.names.get((at, parent))
            if found is None:
                return None
            at = found
        return at, name, self.names.get((at, name))

    def do(self, event: Event) -> None:
        """Note what happened, and have it happen."""
        self.events.append(event)
        change(self.names, self.contents, event)

    def read(self, log: Path) -> None:
        """Take over what strace wrote (with ``-xx -y -s`` large enough)."""
        files: dict[int, tuple[int, bool]] = {}
        for line in log.read_text(errors="replace").splitlines():
            found = _LINE.match(line)
            if found is not None and int(found[3]) >= 0:
                self._call(found[1], _arguments(found[2]), int(found[3]), files)

    def _call(self, name: str, arguments: list[str], result: int, files: dict[int, tuple[int, bool]]) -> None:
        if name == "sched_yield":
            self.do(Acknowledged())
        elif name in ("openat", "openat2"):
            self._open(_path(arguments[0], arguments[1]), arguments[2], result, files)
        elif name == "close":
            files.pop(_number(arguments[0]), None)
        elif name in ("write", "pwrite64"):
            self._write(files.get(_number(arguments[0])), arguments, result)
        elif name == "ftruncate" and _number(arguments[0]) in files:
            self.do(Truncation(files[_number(arguments[0])][0], int(arguments[1])))
        elif name in ("fsync", "fdatasync"):
            if _number(arguments[0]) in files:
                self.do(Sync(files[_number(arguments[0])][0]))
        elif name == "syncfs":
            self.do(Sync(None))
        else:
            self._rename(name, arguments)

    def _open(self, path: str, flags: str, result: int, files: dict[int, tuple[int, bool]]) -> None:
        files.pop(result, None)
        found = self.find(path)
        if found is None:
            return
        directory, name, inode = found
        if inode is None:
            inode = self._new(directory=False)
            self.do(Entry(((directory, name, inode),)))
        files[result] = (inode, "O_APPEND" in flags)

    def _write(self, file: tuple[int, bool] | None, arguments: list[str], result: int) -> None:
        if file is not None and file[0] in self.contents:
            inode, appends = file
            end = len(self.contents[inode])
            offset = int(arguments[3]) if len(arguments) > 3 else end
            assert appends or len(arguments) > 3 or end == 0, "a second write without a position is not modelled"
            self.do(Content(inode, offset, _bytes(arguments[1])[:result]))

    def _rename(self, name: str, arguments: list[str]) -> None:
        at = name.endswith(("at", "at2"))
        paths = (
            [_path(arguments[0], arguments[1]), *([_path(arguments[2], arguments[3])] if len(arguments) > 3 else [])]
            if at
            else [_text(argument) for argument in arguments[:2]]
        )
        first = self.find(paths[0])
        if first is None:
            return
        directory, leaf, inode = first
        if name.startswith("mkdir"):
            self.do(Entry(((directory, leaf, self._new(directory=True)),)))
        elif name.startswith(("unlink", "rmdir")):
            self.do(Entry(((directory, leaf, None),)))
        elif (second := self.find(paths[1])) is not None:
            gone = () if name.startswith("link") else ((directory, leaf, None),)
            self.do(Entry((*gone, (second[0], second[1], inode))))


def change(names: Names, contents: Contents, event: Event, *, half: bool = False) -> None:
    """Have an event happen to a tree; with ``half`` only the first half of a write."""
    if isinstance(event, Entry):
        for directory, name, inode in event.changes:
            if inode is None:
                names.pop((directory, name), None)
            else:
                names[directory, name] = inode
    elif isinstance(event, Content):
        data = event.data[: len(event.data) // 2] if half else event.data
        old = contents.get(event.inode, b"").ljust(event.offset, b"\0")
        contents[event.inode] = old[: event.offset] + data + old[event.offset + len(data) :]
    elif isinstance(event, Truncation):
        contents[event.inode] = contents.get(event.inode, b"")[: event.length].ljust(event.length, b"\0")


def states(model: Model) -> Iterator[tuple[bool, str, Names, Contents]]:
    """Whether the verb was acknowledged, what was lost, and the tree, for each crash between two events."""
    seen = set()
    for end in range(len(model.events) + 1):
        events = model.events[:end]
        acknowledged = any(isinstance(event, Acknowledged) for event in events)
        names_open, contents_open = _not_durable(events)
        for label, kept in _choices(names_open):
            for content in ("none", "all", "half") if contents_open else ("all",):
                names, contents = dict(model.base[0]), dict(model.base[1])
                for index, event in enumerate(events):
                    if isinstance(event, Entry):
                        if index not in names_open or index in kept:
                            change(names, contents, event)
                    elif index not in contents_open or content != "none":
                        change(names, contents, event, half=content == "half" and index == contents_open[-1])
                live = frozenset(names.items())
                mark = hash((acknowledged, live, frozenset((inode, contents.get(inode)) for inode in names.values())))
                if mark not in seen:
                    seen.add(mark)
                    yield acknowledged, f"event {end}, names: {label}, unsynced content: {content}", names, contents


def _not_durable(events: list[Event]) -> tuple[list[int], list[int]]:
    """The indexes of changes of names, and of contents, that no sync has made durable."""
    names, contents = [], []
    synced: set[int] = set()
    everything = False
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if isinstance(event, Sync):
            everything = everything or event.inode is None
            synced |= set() if event.inode is None else {event.inode}
        elif everything:
            continue
        elif isinstance(event, Entry) and not any(directory in synced for directory, _, _ in event.changes):
            names.append(index)
        elif isinstance(event, Content | Truncation) and event.inode not in synced:
            contents.append(index)
    return names[::-1], contents[::-1]


def _choices(pending: list[int]) -> Iterator[tuple[str, frozenset[int]]]:
    """Which of the changes of names reached the disk: none, all, one alone, all but one."""
    everything = frozenset(pending)
    yield "all", everything
    if pending:
        yield "none", frozenset()
    if len(pending) > 1:
        for index in pending:
            yield f"only {index}", frozenset({index})
            yield f"all but {index}", everything - {index}


def materialise(model: Model, names: Names, contents: Contents, to: Path) -> None:
    """Make the tree on disk."""
    shutil.rmtree(to, ignore_errors=True)
    below: dict[int, list[tuple[str, int]]] = {}
    for (directory, name), inode in names.items():
        below.setdefault(directory, []).append((name, inode))

    def make(inode: int, path: Path) -> None:
        path.mkdir()
        for name, child in below.get(inode, []):
            if child in model.directories:
                make(child, path / name)
            else:
                (path / name).write_bytes(contents.get(child, b""))

    make(0, to)


def _arguments(text: str) -> list[str]:
    """The arguments of a call; strings are all in hexadecimal escapes, so that no comma is in them."""
    return [part.strip() for part in re.split(r",(?![^{]*})", text)]


def _bytes(argument: str) -> bytes:
    return bytes.fromhex(argument.strip('".').replace("\\x", ""))


def _text(argument: str) -> str:
    return os.fsdecode(_bytes(argument))


def _number(argument: str) -> int:
    found = _DESCRIPTOR.match(argument)
    assert found is not None, argument
    return int(found[1])


def _path(directory: str, argument: str) -> str:
    path = _text(argument)
    found = _DESCRIPTOR.match(directory)
    return path if path.startswith("/") or found is None else f"{os.fsdecode(_hex(found[2]))}/{path}"


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else os.fsencode(text)
