"""Cache with a time to live: what the store has, if it is young enough, or what the work gives anew.

Input: ``file``, the path of a local text file; ``ttl_seconds``, how long a result is good (an hour if not given).
Run:   fsstore run scripts/examples/after/ttl_cache.py --input '{"file": "README.md", "ttl_seconds": 600}'
Claims: a result younger than that is answered from the store, an older one is made anew, by one run however many want
it; the value is the result and nothing else; what has expired is missing for every reader, and swept.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path, ttl = input_dict["file"], input_dict.get("ttl_seconds", 3600)
    cache = data_store.aio.use_namespace("timed-cache")
    return {"data": await cache.cached(path, lambda: frequent_words(path), ttl=ttl)}


def frequent_words(path: str) -> list[str]:
    counts = Counter(word.lower() for word in Path(path).read_text("utf-8").split() if word.isalpha())
    return sorted(counts, key=lambda word: (-counts[word], word))[:10]
