"""Those who wait until all is told that had happened when they asked. It tells nothing itself."""

from __future__ import annotations

from collections.abc import Callable

from fsstore.engines.files.watching.calls import Call
from fsstore.engines.files.watching.held import Held
from fsstore.errors import StoreError


class Sync(Call[None]):
    """One who waits."""

    def __init__(self, begin: Callable[[Sync], None]) -> None:
        super().__init__(lambda: None)
        self._begin = begin
        self.is_given_up = False
        self.waits_for: dict[str, int] | None = None
        """Files that were held back then, and since when."""

    def run(self) -> None:
        """It is finished in one of the rounds that follow."""
        self._begin(self)


class Syncs:
    """All who wait. Looked after by one thread."""

    def __init__(self) -> None:
        self.waiting: list[Sync] = []

    def new(self) -> Sync:
        """One who waits from the time when it is run."""
        return Sync(self.waiting.append)

    def finish(self, held: Held, *, is_missing: bool) -> None:
        """Let those go on for whom all has been told, and forget those who wait no more."""
        left = []
        for sync in self.waiting:
            if sync.waits_for is None:
                sync.waits_for = {path: hold.first for path, hold in held.paths.items()}
            else:
                sync.waits_for = {
                    path: first
                    for path, first in sync.waits_for.items()
                    if path in held.paths and held.paths[path].first == first
                }
            if (sync.waits_for or is_missing) and not sync.is_given_up:
                left.append(sync)
            else:
                sync.finish(None)
        self.waiting[:] = left

    def fail(self, error: StoreError) -> None:
        """Nothing more will be told."""
        for sync in self.waiting:
            sync.fail(error)
