"""Append to a list by hand: read the list, add to it, store it.

Input: ``item``, any JSON value.
Run:   fsstore run scripts/examples/before/append_to_list.py --input '{"item": "first finding"}'
Claims: items stay in the order they came, each with its time, where no two runs overlap.
Flaws: of two runs that read the same list the later one stores it without the other's item.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    items = data_store.get("collected-items", default=[])
    items.append({"value": input_dict["item"], "added_at": datetime.now().isoformat()})
    data_store.set("collected-items", items)
    return {"total_items": len(items), "latest": items[-1]["value"]}
