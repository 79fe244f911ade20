"""The public handle on the past: every verb that reads, and none that writes."""

from __future__ import annotations

from fsstore.commits import Commit
from fsstore.history.past import PastEngine
from fsstore.reading import OpsHook, ReadHandle


class Past(ReadHandle):
    """One namespace of a store as it was in a commit."""

    __slots__ = ("commit",)

    def __init__(self, engine: PastEngine, name: str, *, ops: OpsHook | None) -> None:
        super().__init__(engine, name, agent=None, run=None, ops=ops)
        self.commit: Commit = engine.commit
        """The commit that this is of."""

    def use_namespace(self, namespace: str) -> Past:
        """Another namespace of the same commit."""
        return Past(self._engine, namespace, ops=self._ops)  # type: ignore[arg-type]
