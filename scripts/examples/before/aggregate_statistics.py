"""Aggregate statistics by hand: read the summary, fold a number into it, store it.

Input: ``value``, a number.
Run:   fsstore run scripts/examples/before/aggregate_statistics.py --input '{"value": 4}'
Claims: count, sum and average are those of all values so far, where no two runs overlap.
Flaws: of two runs that read the same summary one is not in it; a minimum or a maximum of zero is taken for none, so
that the next value replaces it whichever it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    value = input_dict["value"]
    stats = data_store.get("statistics", default={"count": 0, "sum": 0, "min": None, "max": None})
    stats["count"] += 1
    stats["sum"] += value
    stats["min"] = min(stats["min"], value) if stats["min"] else value
    stats["max"] = max(stats["max"], value) if stats["max"] else value
    stats["average"] = stats["sum"] / stats["count"]
    data_store.set("statistics", stats)
    return {name: stats[name] for name in ("count", "sum", "min", "max", "average")}
