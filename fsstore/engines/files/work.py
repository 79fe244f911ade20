"""One op of a commit, between the first look at its key and the last rename. It does nothing by itself."""

from __future__ import annotations

import os

from fsstore.engines.files.places import Place
from fsstore.ops import Check, Delete, Expect, Expire, Outcome, Put, Update

_LOOKING = (Update, Expire, Check)
_LARGE = 64 * 1024  # bytes: staging more takes long enough for a person to move the directory


class Work:
    """One op of a commit: what its key looks like under the lock, and what is ready to take its place."""

    __slots__ = (
        "ended",
        "kept",
        "may_end",
        "note",
        "op",
        "outcome",
        "place",
        "raw",
        "record",
        "sidecar",
        "staged",
        "staged_sidecar",
        "status",
        "stored",
        "time",
    )

    def __init__(self, op: Put | Delete | Update | Expire | Check, place: Place) -> None:
        self.op = op
        self.place = place
        self.staged = ""
        """The name of the new file in `.fsstore/tmp`."""
        self.staged_sidecar = ""
        """The name of the new sidecar there."""
        self.record = ""
        """The name of the commit's record, once it may be there: it needs the staged files."""
        self.time = 0.0
        """When that was written, in seconds since the epoch."""
        self.forget()

    def forget(self) -> None:
        """Begin again: somebody changed the file."""
        self.outcome = Outcome.MISSING
        self.note = ""
        """What the journal calls it; empty if nothing changes."""
        self.status: os.stat_result | None = None
        """Of the file before, if there was one."""
        self.may_end = False
        """Whether its namespace is one where keys end by themselves; asked of what is there alone."""
        self.ended = False
        """Whether the key has ended by itself, so that its file counts as none."""
        self.stored: bytes | None = None
        """Its content, where it was wanted and could be read."""
        self.raw: bytes | None = None
        """The content that is wanted; ``None`` for none."""
        self.kept: bytes | None = None
        """The content of the file, if it is the value already, perhaps in a person's formatting."""
        self.sidecar: bytes | None = None
        """The metadata's new content, if it changes; empty if there is to be none."""

    @property
    def is_guarded(self) -> bool:
        """Whether all depends on the file being the same when it is replaced."""
        op = self.op
        return isinstance(op, _LOOKING) or op.expect is not Expect.ANYTHING

    @property
    def removes(self) -> bool:
        """Whether there is to be no file."""
        return self.note == "delete"

    @property
    def is_large(self) -> bool:
        """Whether it takes more than an instant."""
        return self.raw is not None and len(self.raw) > _LARGE
