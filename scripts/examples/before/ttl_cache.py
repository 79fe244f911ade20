"""Cache with a time to live by hand: store the time beside the result, and compare it at each look.

Input: ``file``, the path of a local text file; ``ttl_seconds``, how long a result is good (an hour if not given).
Run:   fsstore run scripts/examples/before/ttl_cache.py --input '{"file": "README.md", "ttl_seconds": 600}'
Claims: a result younger than that is answered from the store, an older one is made anew.
Flaws: when it is over, all runs that come then do the work at once; whoever reads the key without this code gets the
old value and a wrapper around it; nothing ever removes what nobody asks for again; the time is local and has no zone,
so that when the clocks are put back results live an hour longer.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    cache = data_store.use_namespace("timed-cache")
    cached = cache.get(path)
    if cached:
        cached_at = datetime.fromisoformat(cached.get("_cached_at", "1970-01-01"))
        if datetime.now() - cached_at < timedelta(seconds=input_dict.get("ttl_seconds", 3600)):
            return {"data": cached["value"]}
    words = frequent_words(path)
    cache.set(path, {"value": words, "_cached_at": datetime.now().isoformat()})
    return {"data": words}


def frequent_words(path: str) -> list[str]:
    counts = Counter(word.lower() for word in Path(path).read_text("utf-8").split() if word.isalpha())
    return sorted(counts, key=lambda word: (-counts[word], word))[:10]
