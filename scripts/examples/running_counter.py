"""Running counter: a number that every run increases, whatever process it runs in.

Input: nothing.
Run:   fsstore run scripts/examples/running_counter.py --input '{}'
Claims: the n-th run returns n. The runs come one after the other here: of two that overlap, the last write wins and
one of them is not counted (realtime_coordination.py shows it, and a way out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    number = data_store.get("processed-count", 0) + 1
    data_store.set("processed-count", number)
    return {"run_number": number}
