"""Work queue by hand: a list of what is to do, from which each worker takes the first.

Input: ``add``, paths of local files to put into the queue before the work begins.
Run:   fsstore run scripts/examples/before/work_queue.py --input '{"add": ["README.md", "pyproject.toml"]}'
Claims: it works until nothing is left, on what this run has added and on what others have, where no two overlap.
Flaws: workers that read the same list do the same job, and what is added meanwhile is gone; a job whose worker is
killed, or fails, is lost.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    done = {}
    data_store.set("todo", data_store.get("todo", default=[]) + input_dict["add"])
    while todo := data_store.get("todo"):
        path = todo.pop(0)
        data_store.set("todo", todo)
        done[path] = digest(path)
    return {"done": done}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
