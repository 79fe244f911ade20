"""Work queue: jobs for any number of workers, each leased to one of them until it is done.

Input: ``add``, paths of local files to put into the queue before the work begins.
Run:   fsstore run scripts/examples/after/work_queue.py --input '{"add": ["README.md", "pyproject.toml"]}'
Claims: it works until nothing is left, on what this run has added and on what others have; no job is lost, and none
done by two, unless its worker hangs for longer than its lease; a job that fails is tried again, at last kept apart.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    todo, done = data_store.queue("todo"), {}
    for path in input_dict["add"]:
        todo.put(path)
    await todo.aio.work(lambda path: done.update({path: digest(path)}))
    return {"done": done}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
