"""Cache with a time to live: keep the result together with its time, and do the work again when it is too old.

Input: ``file``, the path of a local text file; ``ttl_seconds``, how long a result is good (an hour if not given).
Run:   fsstore run scripts/examples/ttl_cache.py --input '{"file": "README.md", "ttl_seconds": 600}'
Claims: a result younger than that is answered from the store, an older one is made anew; the time is part of the
value, so a person can age an entry by editing its file. Nothing removes old entries: they are replaced when asked for.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    time_to_live = timedelta(seconds=input_dict.get("ttl_seconds", 3600))
    cache = data_store.use_namespace("timed-cache")
    now = datetime.now(UTC)

    entry = cache.get(path)
    if entry is not None and now - datetime.fromisoformat(entry["made_at"]) < time_to_live:
        return {"words": entry["words"], "source": "cache"}

    words = frequent_words(path)
    cache.set(path, {"words": words, "made_at": now.isoformat()})
    return {"words": words, "source": "file"}


def frequent_words(path: str) -> list[str]:
    counts = Counter(word.lower() for word in Path(path).read_text("utf-8").split() if word.isalpha())
    return sorted(counts, key=lambda word: (-counts[word], word))[:10]
