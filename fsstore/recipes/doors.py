"""The verbs by which handles give recipes. What they do is done elsewhere, and imported when it is first wanted."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsstore.coordinated import Coordinated

if TYPE_CHECKING:
    from fsstore.recipes.checkpoint import Checkpoint
    from fsstore.recipes.queue import Queue
    from fsstore.recipes.state_machine import StateMachine


class Recipes(Coordinated, ABC):
    """What a handle of one namespace has: one line for each pattern that agents write by hand."""

    __slots__ = ()

    # -- work --------------------------------------------------------------------------------------

    def queue(self, name: str, *, max_attempts: int = 5, lease: float = 60.0) -> Queue:
        """Jobs for any number of workers, each done at least once: see `Queue`. Its keys begin with ``NAME:``.

        A worker has a job for ``lease`` seconds; after ``max_attempts`` it is a dead letter.
        """
        from fsstore.recipes.queue import Queue

        return Queue(self, name, max_attempts=max_attempts, lease=lease)

    def checkpoint(self, key: str, items: Iterable[Any]) -> Checkpoint:
        """``items``, beginning where the last process stopped: see `Checkpoint`. How far it came is in ``key``."""
        from fsstore.recipes.checkpoint import Checkpoint

        return Checkpoint(self, key, items)

    def state_machine(
        self, key: str, transitions: Mapping[str, Sequence[str]], initial: str | None = None, *, maxlen: int = 100
    ) -> StateMachine:
        """A state in ``key`` that goes only where ``transitions`` says: see `StateMachine`.

        Without ``initial`` it begins with the first state that is named; its history keeps the newest ``maxlen`` moves.
        """
        from fsstore.recipes.state_machine import StateMachine

        return StateMachine(self, key, transitions, initial, maxlen=maxlen)
