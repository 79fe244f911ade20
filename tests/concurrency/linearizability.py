"""Is there one order of these operations that explains all answers? A search, for histories of one object.

An operation that began after another had returned comes after it; one without an answer, because its process died,
may have happened or not. The search is Wing and Gong's (1993), with Lowe's (2017) memory of configurations seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

State = Any
"""Hashable; ``None`` for a key that does not exist."""


class Operation(NamedTuple):
    """One call, with the times on one clock at which it began and returned."""

    began: int
    returned: int | None
    """``None``: it never did."""
    name: str
    argument: Any
    answer: Any


Step = Callable[[State, Operation], tuple[Any, State]]
"""The answer that the operation gives in a state, and the state after it."""


def is_linearizable(operations: Sequence[Operation], step: Step, start: State = None) -> bool:
    """Whether some order of the operations gives each the answer it had."""
    ordered = sorted(operations, key=lambda operation: operation.began)
    endless = max((operation.returned or 0 for operation in ordered), default=0) + 1
    returns = [endless if operation.returned is None else operation.returned for operation in ordered]
    must = sum(1 << index for index, operation in enumerate(ordered) if operation.returned is not None)
    seen: set[tuple[int, State]] = set()
    todo: list[tuple[int, State]] = [(0, start)]
    while todo:
        done, state = todo.pop()
        if done & must == must:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        todo += _next(ordered, returns, step, done, state)
    return False


def _next(ordered: list[Operation], returns: list[int], step: Step, done: int, state: State) -> list[tuple[int, State]]:
    """The configurations after one more operation: any that began before the first of the rest returned."""
    found = []
    deadline: int | None = None
    for index in range(_first_open(done), len(ordered)):
        if done >> index & 1:
            continue
        operation = ordered[index]
        if deadline is not None and operation.began > deadline:
            break
        deadline = returns[index] if deadline is None else min(deadline, returns[index])
        answer, after = step(state, operation)
        if operation.returned is None or answer == operation.answer:
            found.append((done | 1 << index, after))
    # Of an operation that never returned it is also right that it did not happen: others simply go first.
    return found


def _first_open(done: int) -> int:
    """The lowest bit that is not set."""
    return (~done & (done + 1)).bit_length() - 1


def key(state: State, operation: Operation) -> tuple[Any, State]:
    """One key of a store: what each verb answers, and what it leaves."""
    name, argument = operation.name, operation.argument
    if name == "get":
        return state, state
    if name == "set":
        return None, argument
    if name == "delete":
        return state is not None, None
    if name == "create":
        return (True, argument) if state is None else (False, state)
    if name == "swap":
        old, new = argument
        return (True, new) if state == old else (False, state)
    if name == "increment":
        return ((state or 0) + argument,) * 2
    if name == "pop":
        return state, None
    raise AssertionError(name)


def keys(state: State, operation: Operation) -> tuple[Any, State]:
    """Several keys written and read together, as one object."""
    name, argument = operation.name, operation.argument
    if name == "get_many":
        return state, state
    if name == "set_many":
        return None, argument
    if name == "transact":  # adds to each
        return None, tuple((value or 0) + argument for value in state)
    raise AssertionError(name)


def violations(found: Mapping[str, Sequence[Operation]], size: int) -> list[str]:
    """What was not linearizable: keys by their names, and as ``together`` the so many that are used at once."""
    found = {"together": (), **found}
    steps = {about: (keys, (0,) * size) if about == "together" else (key, None) for about in found}
    return [about for about, operations in found.items() if not is_linearizable(operations, *steps[about])]
