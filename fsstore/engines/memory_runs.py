"""The runs under way in a store in memory, and what the keys were before them. It changes none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from fsstore.engine import already_under_way
from fsstore.records import Run

_T = TypeVar("_T")
Name = tuple[str, str]


class MemoryRuns(Generic[_T]):
    """The runs of one store whose keys hold a ``T``. Its lock is held whenever anything is called here."""

    def __init__(self) -> None:
        self._images: dict[str, dict[Name, tuple[_T | None, str | None]]] = {}
        """What the keys of the runs under way were, and who had written them; empty for what cannot be taken back."""
        self._undoable: set[str] = set()
        self._writers: dict[Name, str | None] = {}
        """The run that wrote a key last, while any is under way."""

    def __bool__(self) -> bool:
        return bool(self._images)

    def begin(self, run: Run) -> None:
        """Note a run that begins. Raises `Conflict` if one of its id is under way."""
        if run.id in self._images:
            raise already_under_way(run.id)
        self._images[run.id] = {}
        if run.undoable:
            self._undoable.add(run.id)

    def end(self, run: Run) -> None:
        """Forget the run."""
        self._images.pop(run.id, None)
        self._undoable.discard(run.id)
        if not self._images:
            self._writers.clear()

    def keep(self, run: str | None, names: Iterable[tuple[Name, _T | None]]) -> None:
        """Note what a run is about to write, and what is there."""
        for name, there in names:
            if run in self._undoable:
                self._images[run].setdefault(name, (there, self._writers.get(name)))
            self._writers[name] = run

    def images(self, run: Run) -> tuple[dict[Name, _T | None], list[Name]]:
        """What the keys of a run were, which are its author's again now; and those that others have written since."""
        images: dict[Name, _T | None] = {}
        left: list[Name] = []
        for name, (there, writer) in self._images.get(run.id, {}).items():
            if self._writers.get(name) == run.id:
                images[name] = there
                self._writers[name] = writer
            else:
                left.append(name)
        return images, left
