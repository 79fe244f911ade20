"""Real-time coordination: agents count who has arrived, and the last one goes on alone.

Input: ``agents``, how many make a round.
Run:   fsstore run scripts/examples/after/realtime_coordination.py --input '{"agents": 2}'
Claims: the runs are numbered without a gap, also where they overlap, so that exactly one of each round is the last:
increment is one step, where a get and a set are two. Who wants to wait for the others takes ``data_store.barrier``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    arrived = data_store.increment("counter")
    return {"arrived": arrived, "last": arrived % input_dict["agents"] == 0}
