"""Cache-aside by hand: look into the store, do the work if nothing is there, store its result.

Input: ``file``, the path of a local text file; finding its headings stands for the expensive work.
Run:   fsstore run scripts/examples/before/cache_aside.py --input '{"file": "README.md"}'
Claims: the second run answers from the store and does not open the file.
Flaws: runs that begin together all do the work, as none knows of the others before its ``set``; a result that is
false in Python (no headings at all) is stored and yet never a hit.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    cache_key = f"headings:{input_dict['file']}"
    cached = data_store.get(cache_key)
    if cached:
        return {"data": cached}
    headings = find_headings(input_dict["file"])
    data_store.set(cache_key, headings, metadata={"cached_at": datetime.now().isoformat()})
    return {"data": headings}


def find_headings(path: str) -> list[str]:
    lines = Path(path).read_text("utf-8").splitlines()
    return [line.lstrip("# ") for line in lines if line.startswith("#")]
