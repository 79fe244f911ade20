"""Index by hand: beside the documents, keep for every word the list of those that contain it, and look that up.

Input: ``action``, ``add`` or ``search``; to add, ``id``, a name, and ``file``, a local text file; to search, ``query``.
Run:   fsstore run scripts/examples/before/keyword_index.py \
         --input '{"action": "add", "id": "intro", "file": "README.md"}'
       fsstore run scripts/examples/before/keyword_index.py --input '{"action": "search", "query": "json"}'
Claims: a search finds the documents that contain the word, in any case, and opens no other.
Flaws: of two documents added at once one may be missing under the words they share; a document that is added again is
still found by words it no longer has, one that is deleted or edited by hand too; each document of n words is n updates,
and a kill leaves it half indexed; a query of two words finds nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    documents, index = data_store.use_namespace("documents"), data_store.use_namespace("keyword-index")
    if input_dict["action"] == "search":
        names = index.get(input_dict["query"].lower(), default=[])
        return {"documents": {name: document for name in sorted(names) if (document := documents.get(name))}}
    document = {"content": read(input_dict["file"])}
    documents.set(input_dict["id"], document)
    for word in sorted(words_of(document["content"])):
        names = index.get(word, default=[])
        if input_dict["id"] not in names:
            names.append(input_dict["id"])
            index.set(word, names)
    return {"indexed": input_dict["id"]}


def words_of(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w{3,}", text)}


def read(path: str) -> str:
    return Path(path).read_text("utf-8")
