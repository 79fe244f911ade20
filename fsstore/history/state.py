"""What the last snapshot saw: kept beside the repository so that the next need not look at everything again.

All of it can be lost: then the next snapshot looks at everything.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, NamedTuple

import orjson

from fsstore.engines.files.atomic import Tree
from fsstore.history.superseded import Noted
from fsstore.history.waiting import Pending

_PATH = "fsstore/state"
_LIMIT = 1 << 30

Seen = tuple[int, int, int]
"""Of a directory: its mtime in ns, its inode, and when it was looked at, in ns since the epoch."""


class Swept(NamedTuple):
    """Up to when it is known which files were edited in place, in seconds since the epoch."""

    edited: float = 0.0
    """Up to then it is known of all files, but for those ``apart``."""
    everything: float = 0.0
    """Then every file was looked at."""
    apart: float = 0.0
    """Then those were last looked at that lie where no hub watches."""
    files_apart: int = 0
    """How many these were, about."""
    is_whole: bool = True
    """Whether all directories that were found then could be noted. Names that are no UTF-8 cannot."""


class State:
    """Where a snapshot left off."""

    def __init__(
        self,
        store: str = "",
        index: tuple[int, ...] | None = None,
        marks: dict[int, tuple[int, int]] | None = None,
        directories: dict[str, Seen] | None = None,
        pending: dict[str, Pending] | None = None,
        ignored: list[str] | None = None,
        rules: list[int] | None = None,
        taken: float = 0.0,
        swept: Swept | None = None,
        staged: list[str] | None = None,
        unsynced: int = 0,
        replaced: Noted | None = None,
        head: str = "",
    ) -> None:
        self.store = store
        """Which store this is of: a repository may have been copied into another."""
        self.index = index
        """The signature of the index that it wrote."""
        self.marks = {} if marks is None else marks
        """Up to where it has read the journals: inode and size of each."""
        self.directories = {} if directories is None else directories
        """All directories that it knew, by path relative to the store."""
        self.pending = {} if pending is None else pending
        """Paths that it left to runs which had not ended, or that it could not read."""
        self.ignored = [] if ignored is None else ignored
        """Paths of files that git ignores, by the rules that had the signature ``rules``."""
        self.rules = [] if rules is None else rules
        self.taken = taken
        """When the snapshot began, in seconds since the epoch."""
        self.swept = Swept() if swept is None else swept
        self.staged = [] if staged is None else staged
        """Paths that were left to a person who is putting a commit together."""
        self.head = head
        """The branch's newest commit (40 digits)."""
        self.replaced = {} if replaced is None else replaced
        """Entries of the index that the last snapshots replaced."""
        self.unsynced = unsynced
        """How many snapshots there were since all files were last known to be on the disk."""


class Memory:
    """The state on the disk, and the copy of it that this process had last."""

    def __init__(self, tree: Tree) -> None:
        """``tree`` is that of ``.git``."""
        self._tree = tree
        self._state = State()
        self._signature: tuple[int, int, int] | None = None

    def load(self) -> State:
        """What the last snapshot, of whatever process, has noted; an empty state if it cannot be read."""
        signature = self._look()
        if signature is None or signature != self._signature:
            self._state = State()
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
                fields: dict[str, Any] = orjson.loads(self._tree.read(_PATH, _LIMIT))
                fields["marks"] = {int(number): tuple(mark) for number, mark in fields["marks"].items()}
                fields["index"] = None if fields["index"] is None else tuple(fields["index"])
                fields["directories"] = {path: tuple(seen) for path, seen in fields["directories"].items()}
                fields["swept"] = Swept(*fields["swept"])
                fields["pending"] = {path: tuple(pending) for path, pending in fields["pending"].items()}
                self._state = State(**fields)
            self._signature = signature
        return self._state

    def save(self, state: State) -> None:
        """Note it; at once or not at all, and not durably."""
        staged = self._tree.absolute(f"{_PATH}.{os.getpid()}")
        try:
            raw = _raw(state)
        except TypeError:  # a name that is no UTF-8: found when everything is looked at
            directories = {path: seen for path, seen in state.directories.items() if _is_text(path)}
            is_whole = state.swept.is_whole and len(directories) == len(state.directories)
            text: dict[str, Any] = {
                "directories": directories,
                "swept": state.swept._replace(is_whole=is_whole),
                "replaced": {path: noted for path, noted in state.replaced.items() if _is_text(path)},
                "pending": {path: why for path, why in state.pending.items() if _is_text(path)},
                "ignored": [path for path in state.ignored if _is_text(path)],
                "staged": [path for path in state.staged if _is_text(path)],
            }
            state = State(**{**vars(state), **text})
            raw = _raw(state)
        with open(staged, "wb") as file:
            file.write(raw)
        os.rename(staged, self._tree.absolute(_PATH))
        self._state, self._signature = state, self._look()

    def forget(self) -> None:
        """Let the next snapshot look at everything."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._tree.absolute(_PATH))

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._tree.stat(_PATH)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def _raw(state: State) -> bytes:
    return orjson.dumps(vars(state) | {"swept": list(state.swept)}, option=orjson.OPT_NON_STR_KEYS)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
