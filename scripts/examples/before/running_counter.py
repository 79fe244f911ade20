"""Running counter by hand: read the number, add one, store it.

Input: nothing.
Run:   fsstore run scripts/examples/before/running_counter.py --input '{}'
Claims: the n-th run returns n, where no two overlap.
Flaws: of two runs that read the same number one is not counted, and both believe to be the same run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    counter_key = "processed-count"
    current = data_store.get(counter_key, default=0)
    current += 1
    data_store.set(counter_key, current)
    return {"run_number": current}
