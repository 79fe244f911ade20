"""How an index comes to know what may have changed in a namespace, without reading values; data and protocols only."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Trace(NamedTuple):
    """A key that is new, or whose value may be another one."""

    key: str
    group: str
    """Keys of one group come and go together, as the engine sees it."""
    state: bytes
    """What the engine tells the key's next change by. Empty: it can not, and names the key again."""


class Changed(NamedTuple):
    """What may have changed in a namespace."""

    mark: bytes
    """Where to go on from; the one before if there is nothing to be kept."""
    seen: list[Trace]
    gone: list[str]
    """Keys that are there no more."""


class Kept(Protocol):
    """What somebody has kept of the answers about one namespace, just as they were given."""

    @property
    def mark(self) -> bytes:
        """That of the last one; empty before the first."""
        ...

    def group(self, name: str) -> dict[str, bytes]:
        """The keys of a group, each with its state; the caller owns it."""
        ...

    def groups(self) -> dict[str, dict[str, bytes]]:
        """All groups that have keys."""
        ...


class Traces(Protocol):
    """How an index comes to know what has changed in one namespace, without reading its values."""

    @property
    def owner(self) -> str:
        """What an index belongs to. With another owner it is worth nothing."""
        ...

    def place(self) -> str | None:
        """The path of a file in which an index may be kept; ``None`` if there is no room for one.

        It is the store's: lost where the store is, and never a part of what is told or kept of the store.
        """
        ...

    def changed(self, kept: Kept, *, verify: bool = False) -> Changed:
        """The keys that may have changed since what was kept was told; the first time: all there are.

        Complete for every change that ended before the call, but for one: what a person wrote into a file in place
        is found by an observer of this process, else by a look at every file, which is taken when the last
        one is some time ago (a setting of the store), or to ``verify``. A value that is read after the call is not
        older than its state.
        """
        ...
