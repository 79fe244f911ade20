"""Rendezvous: agents that wait for one another, and go on together when all have arrived.

Input: ``name``, the agent's; ``file``, a local file, its part of the work; ``parties``, how many there are.
Run:   fsstore run scripts/examples/after/rendezvous.py --input '{"name": "ann", "file": "README.md", "parties": 1}'
Claims: no agent goes on before each has stored its part, in each round anew; who waits longer than the timeout for one
that has died is told so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    data_store.set(f"part:{input_dict['name']}", digest(input_dict["file"]))
    await data_store.aio.barrier("round", input_dict["parties"]).wait(timeout=60)
    return {"parts": data_store.get_prefix("part:")}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
