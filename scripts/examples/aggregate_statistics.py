"""Aggregate statistics: fold each new number into a running summary, without keeping the numbers.

Input: ``value``, a number.
Run:   fsstore run scripts/examples/aggregate_statistics.py --input '{"value": 0}'
Claims: count, sum, minimum, maximum and average are those of all values so far; zero and negative numbers are values
like any other (a minimum of zero stays when a bigger number comes). Not a number is refused, and the summary stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    value = input_dict["value"]
    before = data_store.get("statistics")
    after = first(value) if before is None else merged(before, value)
    data_store.set("statistics", after)
    return after


def first(value: float) -> dict[str, Any]:
    return {"count": 1, "sum": value, "min": value, "max": value, "average": value}


def merged(before: dict[str, Any], value: float) -> dict[str, Any]:
    count, total = before["count"] + 1, before["sum"] + value
    return {
        "count": count,
        "sum": total,
        "min": min(before["min"], value),
        "max": max(before["max"], value),
        "average": total / count,
    }
