"""Index: the store keeps, for the words of the documents, which of them contain it, and answers queries from that.

Input: ``action``, ``add`` or ``search``; to add, ``id``, a name, and ``file``, a local text file; to search, ``query``.
Run:   fsstore run scripts/examples/after/keyword_index.py \
         --input '{"action": "add", "id": "intro", "file": "README.md"}'
       fsstore run scripts/examples/after/keyword_index.py --input '{"action": "search", "query": "json key"}'
Claims: a search finds the documents that contain all words of the query, in any case, and opens few others; one that
is added again, edited by hand, or deleted is found by the words that it has now, and by no others; documents may be
added by many at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    documents = data_store.aio.use_namespace("documents")
    if input_dict["action"] == "search":
        found = await documents.find(text=input_dict["query"], limit=None)
        return {"documents": {hit.key: hit.value for hit in found.hits}}
    await documents.index(text="content")
    await documents.set(input_dict["id"], {"content": read(input_dict["file"])})
    return {"indexed": input_dict["id"]}


def read(path: str) -> str:
    return Path(path).read_text("utf-8")
