"""Advisory lock: a key says who works on a resource, and agents that play along stay away from it.

Input: ``file``, the local file that is the resource; ``stale_seconds``, when a lock counts as left behind (300 if
not given).
Run:   fsstore run scripts/examples/advisory_lock.py --input '{"file": "README.md"}'
Claims: a lock that another agent holds is respected until it is stale, then taken over; the lock is released also
when the work fails, and only by the one who took it. It is no mutex: two agents that look at the same instant both
find it free, and both work. Use it to save double work; what protects is data_store.lock(name).
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    key = f"lock:{input_dict['file']}"
    patience = timedelta(seconds=input_dict.get("stale_seconds", 300))
    now = datetime.now(UTC)
    held = data_store.get(key)
    if held is not None and now - datetime.fromisoformat(held["since"]) < patience:
        return {"locked_by": held["agent"]}

    mine = {"agent": data_store.agent, "since": now.isoformat(), "token": uuid.uuid4().hex}
    data_store.set(key, mine)
    try:
        return {"sha256": hashlib.sha256(read(input_dict["file"])).hexdigest()}
    finally:
        if data_store.get(key) == mine:  # whoever found it stale may have taken it over
            data_store.delete(key)


def read(path: str) -> bytes:
    return Path(path).read_bytes()
