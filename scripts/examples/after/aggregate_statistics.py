"""Aggregate statistics: fold each new number into a running summary, without keeping the numbers.

Input: ``value``, a number.
Run:   fsstore run scripts/examples/after/aggregate_statistics.py --input '{"value": 4}'
Claims: count, sum, minimum, maximum and average are those of all values so far, also of runs that overlap; zero and
negative numbers are values like any other. Not a number is refused, and the summary stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    summary = data_store.statistics("statistics").add(input_dict["value"])
    return {
        "count": summary.count,
        "sum": summary.sum,
        "min": summary.min,
        "max": summary.max,
        "average": summary.mean,
    }
