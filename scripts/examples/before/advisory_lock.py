"""Advisory lock by hand: a key says who works on a resource, since when.

Input: ``file``, a local file that holds a number, or nothing yet: the resource, to whose number each run adds one.
Run:   fsstore run scripts/examples/before/advisory_lock.py --input '{"file": "'$(mktemp)'"}'
Claims: a lock that another agent has held for less than five minutes is respected.
Flaws: two that look at the same instant both find it free, and both work; who finishes removes the lock, whoever has
it by then; after a kill nobody works for five minutes; who works longer than that is no longer alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    lock_key = f"lock:{input_dict['file']}"
    lock = data_store.get(lock_key)
    if lock and datetime.now() - datetime.fromisoformat(lock["acquired_at"]) < timedelta(minutes=5):
        return {"error": "resource locked", "locked_by": lock["agent"]}
    data_store.set(lock_key, {"agent": data_store.agent, "acquired_at": datetime.now().isoformat()})
    try:
        return {"result": work_on(input_dict["file"])}
    finally:
        data_store.delete(lock_key)


def work_on(path: str) -> int:
    """Add one to the number in the file, which goes wrong where two do it at once."""
    number = int(Path(path).read_text() or 0) + 1
    Path(path).write_text(str(number))
    return number
