"""Advisory lock: one holder at a time works on a resource, among all that ask for the lock.

Input: ``file``, a local file that holds a number, or nothing yet: the resource, to whose number each run adds one;
``wait``, how many seconds to wait for others (0 if not given).
Run:   fsstore run scripts/examples/after/advisory_lock.py --input '{"file": "'$(mktemp)'"}'
Claims: no two work at once; who cannot get the lock is told who has it; it is free when the work fails, and at once
when its holder is killed, and nobody else can release it. For holders that may hang: ``ttl=SECONDS``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsstore

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    try:
        async with data_store.lock(f"lock:{input_dict['file']}", timeout=input_dict.get("wait", 0)):
            return {"result": work_on(input_dict["file"])}
    except fsstore.LockTimeout as error:
        return {"error": "resource locked", "locked_by": error.agent}


def work_on(path: str) -> int:
    """Add one to the number in the file, which goes wrong where two do it at once."""
    number = int(Path(path).read_text() or 0) + 1
    Path(path).write_text(str(number))
    return number
