"""Memoization by hand: the results of a function, each under a key made of its arguments.

Input: ``file``, the path of a local text file; ``words``, to be counted in it.
Run:   fsstore run scripts/examples/before/memoized.py --input '{"file": "README.md", "words": ["key", "file"]}'
Claims: what was counted once is not counted again.
Flaws: runs that begin together all count; different arguments may make the same key (``a:b`` and ``c``, ``a`` and
``b:c``; ``1`` and ``"1"``), and one is given the result of the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    counts = {}
    for word in input_dict["words"]:
        key = f"count:{input_dict['file']}:{word}"
        counts[word] = data_store.get(key)
        if counts[word] is None:
            counts[word] = count(input_dict["file"], word)
            data_store.set(key, counts[word])
    return {"counts": counts}


def count(path: str, word: str) -> int:
    return Path(path).read_text("utf-8").count(word)
