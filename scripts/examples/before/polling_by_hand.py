"""Anti-pattern, polling by hand: looking again and again whether others are done.

Input: ``files``, paths of local files; a worker for each, which another agent or a person may be, stores its digest.
Run:   fsstore run scripts/examples/before/polling_by_hand.py --input '{"files": ["README.md", "pyproject.toml"]}'
Claims: it returns when all results are there.
Flaws: it looks for nothing many times, and sees what it waits for up to a pause late; a shorter pause looks more often,
a longer one sees it later; a worker that died is waited for for ever.
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
    results = data_store.get_many(keys)
    while len(results) < len(keys):
        await asyncio.sleep(0.005)
        results = data_store.get_many(keys)
    await asyncio.gather(*workers)
    return {"results": results}


async def work(key: str, path: str) -> None:
    digest = await asyncio.to_thread(lambda: hashlib.sha256(Path(path).read_bytes()).hexdigest())
    await data_store.aio.set(key, digest)
