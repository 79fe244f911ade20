"""Waiting for others: being told when they are done.

Input: ``files``, paths of local files; a worker for each, which another agent or a person may be, stores its digest.
Run:   fsstore run scripts/examples/after/polling_by_hand.py --input '{"files": ["README.md", "pyproject.toml"]}'
Claims: it returns as soon as all results are there, and looks at nothing meanwhile; a worker that died is waited for no
longer than the timeout, and the error names the keys that are missing.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    keys = {f"digest:{path}": path for path in input_dict["files"]}
    data_store.delete_many(keys)
    workers = [asyncio.create_task(work(key, path)) for key, path in keys.items()]
    results = await data_store.aio.wait_all(keys, timeout=60)
    await asyncio.gather(*workers)
    return {"results": results}


async def work(key: str, path: str) -> None:
    digest = await asyncio.to_thread(lambda: hashlib.sha256(Path(path).read_bytes()).hexdigest())
    await data_store.aio.set(key, digest)
