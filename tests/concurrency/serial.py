"""Whether a history of transactions is strictly serializable: the search for one order that explains all of it.

Every committed transaction tells when it began and had ended, what it read (``None``: no such key) and what it
wrote. The order must respect time: one that had ended before another began comes first. That leaves few
candidates for the next place, so that a depth-first search that remembers where it has been (Wing and Gong, 1993;
Lowe, 2017) is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Committed(NamedTuple):
    """One transaction that was committed. Keys and values can be anything that JSON holds."""

    begun: int
    ended: int
    reads: Mapping[str, Any]
    """By key, as they were before its own writes."""
    writes: Mapping[str, Any]
    """By key; ``None`` for a delete."""
    what: str = ""


State = dict[str, Any]


def serial_order(history: Sequence[Committed], beginning: Mapping[str, Any]) -> list[Committed] | None:
    """An order in which these, one after the other, read what they read; ``None`` if there is none."""
    history = sorted(history, key=lambda one: one.begun)
    order: list[int] = []
    undo: list[State] = []
    state: State = dict(beginning)
    tried: list[list[int]] = [_candidates(history, set(), state)]
    seen: set[tuple[frozenset[int], str]] = set()
    while len(order) < len(history):
        if not tried[-1]:
            tried.pop()
            if not order:
                return None
            order.pop()
            state.update(undo.pop())
            continue
        chosen = tried[-1].pop(0)
        writes = history[chosen].writes
        undo.append({key: state.get(key) for key in writes})
        state.update(writes)
        order.append(chosen)
        done = _since_all_before(order)
        place = done, repr(sorted((key, repr(value)) for key, value in state.items() if value is not None))
        tried.append([] if place in seen else _candidates(history, set(order), state))
        seen.add(place)
    return [history[number] for number in order]


def _candidates(history: Sequence[Committed], done: set[int], state: Mapping[str, Any]) -> list[int]:
    """Those that may come next: they began before any other that is left had ended, and read what is there."""
    first_end = min((one.ended for number, one in enumerate(history) if number not in done), default=0)
    found = []
    for number, one in enumerate(history):
        if one.begun > first_end:
            break
        if number not in done and all(state.get(key) == value for key, value in one.reads.items()):
            found.append(number)
    return found


def _since_all_before(order: Sequence[int]) -> frozenset[int]:
    """What is done, as the first that is not and those beyond it that are."""
    done = set(order)
    first = next(number for number in range(len(order) + 1) if number not in done)
    return frozenset({-1 - first, *(number for number in done if number > first)})
