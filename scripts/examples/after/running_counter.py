"""Running counter: a number that every run increases, whatever process it runs in.

Input: nothing.
Run:   fsstore run scripts/examples/after/running_counter.py --input '{}'
Claims: the n-th run returns n, also of runs that overlap: increment is one step, where a get and a set are two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    return {"run_number": data_store.increment("processed-count")}
