"""Append to a list: every run adds what it was given to one list in the store.

Input: ``item``, any JSON value.
Run:   fsstore run scripts/examples/after/append_to_list.py --input '{"item": "first finding"}'
Claims: no item is lost, and each run knows how many there were with its own; items stay in the order they came, each
with its time; ``null`` and equal items are items too. The whole list is one value, written again each time: for more
than some hundred items there is ``data_store.logbook(name)``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    item = {"value": input_dict["item"], "added_at": datetime.now(UTC).isoformat()}
    items = data_store.append("collected-items", item)
    return {"total_items": len(items), "latest": items[-1]["value"]}
