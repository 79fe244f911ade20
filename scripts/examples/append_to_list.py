"""Append to a list: every run adds what it was given to one list in the store.

Input: ``item``, any JSON value.
Run:   fsstore run scripts/examples/append_to_list.py --input '{"item": "first finding"}'
Claims: items stay in the order they came, each with its time; ``null`` and equal items are items too. The whole list
is one value: it is written again each time, so for more than some hundred items give each a key of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    collected = data_store.get("collected-items", [])
    collected.append({"value": input_dict["item"], "added_at": datetime.now(UTC).isoformat()})
    data_store.set("collected-items", collected)
    return {"total_items": len(collected), "latest": collected[-1]["value"]}
