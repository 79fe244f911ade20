"""Anti-pattern, real-time coordination by hand: agents that count who has arrived, so that the last one goes on alone.

Input: ``agents``, how many make a round.
Run:   fsstore run scripts/examples/before/realtime_coordination.py --input '{"agents": 2}'
Claims: the runs are numbered, and the last of each round knows it, where no two overlap.
Flaws: each ``get`` and each ``set`` is atomic, but nothing joins them: two that read the same number both take the same
place, and then nobody is the last, and all wait for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    count = data_store.get("counter", 0)
    count += 1  # another agent might increment between these lines
    data_store.set("counter", count)
    return {"arrived": count, "last": count % input_dict["agents"] == 0}
