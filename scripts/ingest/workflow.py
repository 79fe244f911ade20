"""Which agent runs when, and on what. What an agent does is in its file; how progress looks is known elsewhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import fsstore

from .progress import Stage

AGENTS = Path(__file__).parent / "agents"
SHARDS = 2


async def ingest(store: fsstore.Store, tree: str, source: str, stage: Stage) -> dict[str, int]:
    """Index a source tree, derive what follows from it, answer the questions; the indexers' counts."""
    parsing = threading.Lock()  # Python 3.11 counts the depth of `ast.parse` for all threads together

    async def run(agent: str, label: str, name: str | None = None, **more: Any) -> dict[str, Any]:
        input, tools = {"tree": tree, **more}, {"progress": stage(label), "parsing": parsing}
        path = AGENTS / f"{agent}.py"
        result: dict[str, Any] = await fsstore.run_agent_async(path, input, store=store, name=name, tools=tools)
        return result

    def index(shard: int) -> Awaitable[dict[str, Any]]:
        label = f"indexing files ({shard + 1} of {SHARDS})"
        return run("indexer", label, f"indexer-{shard + 1}", source=source, shard=shard, shards=SHARDS)

    indexed = await asyncio.gather(*map(index, range(SHARDS)))
    await asyncio.gather(run("summariser", "summing up packages"), run("keyworder", "indexing words"))
    await run("searcher", "answering questions")

    return {name: sum(each[name] for each in indexed) for name in ("files", "indexed", "unchanged", "removed")}
