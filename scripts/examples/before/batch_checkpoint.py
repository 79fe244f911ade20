"""Batch processing by hand: read how far the last run came, do a batch, store how far this one came.

Input: ``job``, a name; ``items``, paths of local files; ``batch_size``, how many per run (10 if not given).
Run:   fsstore run scripts/examples/before/batch_checkpoint.py \
         --input '{"job": "digests", "items": ["README.md", "pyproject.toml", "fsstore/keys.py"], "batch_size": 2}'
Claims: the runs together handle the items in order, where no two overlap; when all is done another run does nothing.
Flaws: runs that overlap do the same batch, and the slower one puts the job back to where it was; one that breaks off
loses all of its batch; if the items are others the next time, nobody notices.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    items, batch_size = input_dict["items"], input_dict.get("batch_size", 10)
    key = f"batch:{input_dict['job']}"
    checkpoint = data_store.get(key, default={"processed": 0, "results": []})
    for path in items[checkpoint["processed"] : checkpoint["processed"] + batch_size]:
        checkpoint["results"].append(digest(path))
        checkpoint["processed"] += 1
    data_store.set(key, checkpoint)
    return {**checkpoint, "total": len(items), "complete": checkpoint["processed"] >= len(items)}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
