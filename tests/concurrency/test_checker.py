"""The checker tells good histories from bad ones, so that what it says of a store is worth something."""

from __future__ import annotations

import pytest

from .linearizability import Operation, is_linearizable, key, keys

GOOD = {
    "empty": [],
    "in order": [(0, 1, "set", 1, None), (2, 3, "get", None, 1), (4, 5, "delete", None, True)],
    "overlapping read sees the new": [(0, 9, "set", 1, None), (1, 2, "get", None, 1), (3, 4, "get", None, 1)],
    "overlapping read sees the old": [(0, 9, "set", 1, None), (1, 2, "get", None, None)],
    "a dead write happened": [(0, None, "set", 1, None), (5, 6, "get", None, 1)],
    "a dead write did not happen": [(0, None, "set", 1, None), (5, 6, "get", None, None)],
    "a dead write happened late": [(0, None, "set", 1, None), (5, 6, "get", None, None), (7, 8, "get", None, 1)],
    "two increments": [(0, 5, "increment", 1, 2), (1, 4, "increment", 1, 1), (6, 7, "get", None, 2)],
    "one swap wins": [(0, 1, "set", 1, None), (2, 9, "swap", (1, 2), True), (2, 9, "swap", (1, 3), False)],
}
BAD = {
    "a read of nothing": [(0, 1, "get", None, 1)],
    "a stale read": [(0, 1, "set", 1, None), (2, 3, "set", 2, None), (4, 5, "get", None, 1)],
    "back in time": [(0, 9, "set", 1, None), (1, 2, "get", None, 1), (3, 4, "get", None, None)],
    "a lost increment": [(0, 5, "increment", 1, 1), (1, 4, "increment", 1, 1)],
    "two creations": [(0, 9, "create", 1, True), (0, 9, "create", 2, True)],
    "two swaps win": [(0, 1, "set", 1, None), (2, 9, "swap", (1, 2), True), (2, 9, "swap", (1, 3), True)],
    "a dead write undone": [(0, None, "set", 1, None), (5, 6, "get", None, 1), (7, 8, "get", None, None)],
    "two pops": [(0, 1, "set", 1, None), (2, 9, "pop", None, 1), (2, 9, "pop", None, 1)],
}


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_good(history: list[tuple[int, int | None, str, object, object]]) -> None:
    assert is_linearizable([Operation(*each) for each in history], key)


@pytest.mark.parametrize("history", BAD.values(), ids=BAD.keys())
def test_bad(history: list[tuple[int, int | None, str, object, object]]) -> None:
    assert not is_linearizable([Operation(*each) for each in history], key)


def test_several_keys() -> None:
    good = [
        Operation(0, 9, "set_many", (1, 1), None),
        Operation(1, 2, "get_many", None, (0, 0)),
        Operation(10, 11, "transact", 1, None),
        Operation(12, 13, "get_many", None, (2, 2)),
    ]
    assert is_linearizable(good, keys, (0, 0))
    assert not is_linearizable([*good, Operation(3, 4, "get_many", None, (1, 0))], keys, (0, 0))
