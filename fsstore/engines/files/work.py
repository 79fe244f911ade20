"""One op of a commit, between the first look at its key and the last rename. It does nothing by itself."""

from __future__ import annotations

import os

from fsstore.engine import Op, Outcome, Put
from fsstore.engines.files.places import Place

_LARGE = 64 * 1024  # bytes: staging more takes long enough for a person to move the directory


class Work:
    """One op of a commit: what its key looks like under the lock, and what is ready to take its place."""

    __slots__ = ("kept", "note", "op", "outcome", "place", "sidecar", "staged", "staged_sidecar", "status", "time")

    def __init__(self, op: Op, place: Place) -> None:
        self.op = op
        self.place = place
        self.outcome = Outcome.MISSING
        self.note = ""
        """What the journal calls it; empty if nothing changes."""
        self.status: os.stat_result | None = None
        """Of the file before, if there was one."""
        self.kept: bytes | None = None
        """The bytes of the file, if they are the value already, perhaps in a person's formatting."""
        self.sidecar: bytes | None = None
        """The metadata's new content, if it changes."""
        self.staged: bytes | None = None
        """The path of the new file."""
        self.staged_sidecar: bytes | None = None
        """The path of the new sidecar."""
        self.time = 0.0
        """When that was written, in seconds since the epoch."""

    @property
    def is_large(self) -> bool:
        """Whether it takes more than an instant."""
        return isinstance(self.op, Put) and len(self.op.raw) > _LARGE
