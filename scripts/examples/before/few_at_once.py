"""A few at once by hand: a number in the store says how many are at work.

Input: ``room``, a local directory, the resource; ``desks``, how many may work in it at once.
Run:   fsstore run scripts/examples/before/few_at_once.py --input '{"room": "'$(mktemp -d)'", "desks": 2}'
Claims: who comes when all desks are taken is told so.
Flaws: two that read the same number both take the last desk; one that is killed never gives its desk back.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    taken = data_store.get("taken", default=0)
    if taken >= input_dict["desks"]:
        return {"error": "all desks are taken"}
    data_store.set("taken", taken + 1)
    try:
        return {"desk": work_at_a_desk(input_dict["room"], input_dict["desks"])}
    finally:
        data_store.set("taken", data_store.get("taken") - 1)


def work_at_a_desk(room: str, desks: int) -> int:
    """What breaks if more are at it than there are desks: each is a directory while somebody sits there."""
    for desk in range(desks):
        try:
            os.mkdir(os.path.join(room, str(desk)))
        except FileExistsError:
            continue
        os.rmdir(os.path.join(room, str(desk)))
        return desk
    raise RuntimeError("the room is crowded")
