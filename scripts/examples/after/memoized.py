"""Memoization: a function whose results are kept in the store, for each set of arguments.

Input: ``file``, the path of a local text file; ``words``, to be counted in it.
Run:   fsstore run scripts/examples/after/memoized.py --input '{"file": "README.md", "words": ["key", "file"]}'
Claims: what was counted once is not counted again, also by runs that begin together; different arguments are
different, however much they look alike. With ``memoize(ttl=3600)`` it is counted again after an hour, after
``count.invalidate(path, word)`` at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    return {"counts": {word: await count(input_dict["file"], word) for word in input_dict["words"]}}


@data_store.memoize()  # of this run's store, whichever that is
async def count(path: str, word: str) -> int:
    return read(path).count(word)


def read(path: str) -> str:
    return Path(path).read_text("utf-8")
