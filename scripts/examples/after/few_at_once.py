"""A few at once: so many holders work on a resource, among all that ask for one of its places.

Input: ``room``, a local directory, the resource; ``desks``, how many may work in it at once; ``wait``, how many seconds
to wait for one of them (0 if not given).
Run:   fsstore run scripts/examples/after/few_at_once.py --input '{"room": "'$(mktemp -d)'", "desks": 2}'
Claims: there are never more at work than that; who comes when all desks are taken waits for one, or is told so; the
desk of one that is killed is free at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import fsstore

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    try:
        async with data_store.semaphore("desks", input_dict["desks"], timeout=input_dict.get("wait", 0)):
            return {"desk": work_at_a_desk(input_dict["room"], input_dict["desks"])}
    except fsstore.LockTimeout:
        return {"error": "all desks are taken"}


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
