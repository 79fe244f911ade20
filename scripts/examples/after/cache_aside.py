"""Cache-aside: what the store has, or what the work gives, which is then stored.

Input: ``file``, the path of a local text file; finding its headings stands for the expensive work.
Run:   fsstore run scripts/examples/after/cache_aside.py --input '{"file": "README.md"}'
Claims: the work is done once, also by runs that begin together, in whatever processes: the others wait for its result;
any result is a hit, also an empty one; nothing expires, so the answer stays until somebody deletes the key.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    return {"data": await data_store.aio.cached(f"headings:{path}", lambda: find_headings(path))}


def find_headings(path: str) -> list[str]:
    lines = Path(path).read_text("utf-8").splitlines()
    return [line.lstrip("# ") for line in lines if line.startswith("#")]
