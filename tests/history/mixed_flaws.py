"""Flaws that can be put into the real snapshots of this process, to see that the proofs about mixed use notice them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsstore.history import step
from fsstore.history.index import Index
from fsstore.history.publish import Publisher
from fsstore.history.step import Step

Patch = Callable[[pytest.MonkeyPatch], None]


def _no_smudging(patch: pytest.MonkeyPatch) -> None:
    def smudged(self: Index, *args: Any) -> dict[bytes, bytes]:
        return {}

    patch.setattr(Index, "_smudged", smudged)


def _signature_not_checked(patch: pytest.MonkeyPatch) -> None:
    def is_current(self: Index) -> bool:
        return True

    patch.setattr(Index, "is_current", is_current)


def _index_left_behind(patch: pytest.MonkeyPatch) -> None:
    sound = Publisher.move

    def move(self: Publisher, *args: Any, **options: Any) -> None:
        index = Path(self._tree.root, "index")
        before = index.read_bytes()
        sound(self, *args, **options)
        index.write_bytes(before)

    patch.setattr(Publisher, "move", move)


def _staged_entries_ignored(patch: pytest.MonkeyPatch) -> None:
    sound = Step._divide

    def divide(self: Step, path: str, found: Any) -> None:
        def find(raw: bytes) -> Any:
            return self._objects.file_at(self._base, raw)

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(self._index, "find", find)
            sound(self, path, found)

    patch.setattr(Step, "_divide", divide)


def _put_back_taken_for_staged(patch: pytest.MonkeyPatch) -> None:
    def is_put_back(*args: Any) -> bool:
        return False

    patch.setattr(step, "is_put_back", is_put_back)


FLAWS: dict[str, Patch] = {
    "racy entries are not smudged": _no_smudging,
    "the index stays behind the branch": _index_left_behind,
    "the index is replaced whatever became of it": _signature_not_checked,
    "what git put back is taken for staged": _put_back_taken_for_staged,
    "staged entries are ignored": _staged_entries_ignored,
}
