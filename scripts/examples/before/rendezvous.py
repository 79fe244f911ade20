"""Rendezvous by hand: agents that count who has arrived, and look at the number until all have.

Input: ``name``, the agent's; ``file``, a local file, its part of the work; ``parties``, how many there are.
Run:   fsstore run scripts/examples/before/rendezvous.py --input '{"name": "ann", "file": "README.md", "parties": 1}'
Claims: no agent goes on before each has stored its part, the first time.
Flaws: two that read the same number count as one, and all wait for ever, as for one that has died; the second time the
number is there already, and nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    data_store.set(f"part:{input_dict['name']}", digest(input_dict["file"]))
    arrived = data_store.get("arrived", default=0) + 1
    data_store.set("arrived", arrived)
    while arrived < input_dict["parties"]:
        await asyncio.sleep(0.005)
        arrived = data_store.get("arrived")
    return {"parts": data_store.get_prefix("part:")}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
