"""Batch processing with a checkpoint: a bounded number of items per run, each noted as soon as it is done.

Input: ``job``, a name; ``items``, paths of local files; ``batch_size``, how many per run (10 if not given).
Run:   fsstore run scripts/examples/after/batch_checkpoint.py \
         --input '{"job": "digests", "items": ["README.md", "pyproject.toml", "fsstore/keys.py"], "batch_size": 2}'
Claims: the runs together handle every item once, in order; a run that breaks off loses at most the item it was at,
and the next one goes on there; one that begins while another is at it gets ``LockTimeout``, which says who that is;
when all is done another run does nothing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    batch = data_store.checkpoint(data_store.key("batch", input_dict["job"]), input_dict["items"])
    results = await batch.aio.map(digest, limit=input_dict.get("batch_size", 10))
    done, total = len(results), len(input_dict["items"])  # of this run: by now another one may be further
    return {"results": results, "processed": done, "total": total, "complete": done == total}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
