"""Index: beside the documents, keep for every word the list of those that contain it, and search that.

Input: ``action``, ``add`` or ``search``; to add, ``id``, a name, and ``file``, a local text file; to search, ``query``.
Run:   fsstore run scripts/examples/keyword_index.py --input '{"action": "add", "id": "intro", "file": "README.md"}'
       fsstore run scripts/examples/keyword_index.py --input '{"action": "search", "query": "json key"}'
Claims: a search finds the documents that contain all words of the query, in any case, and opens no other; adding a
document again replaces it, and words it no longer has do not find it any more.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    if input_dict["action"] == "add":
        return add(input_dict["id"], read(input_dict["file"]))
    return search(input_dict["query"])


def add(name: str, text: str) -> dict[str, Any]:
    documents, index = data_store.use_namespace("documents"), data_store.use_namespace("keyword-index")
    before, after = words_of(documents.get(name, "")), words_of(text)
    documents.set(name, text)
    touched = index.get_many(before | after)
    changed = {word: sorted({*touched.get(word, []), name}) for word in after}
    changed |= {word: [other for other in touched.get(word, []) if other != name] for word in before - after}
    index.set_many({word: names for word, names in changed.items() if names})
    index.delete_many(word for word, names in changed.items() if not names)
    return {"indexed": name, "words": len(after)}


def search(query: str) -> dict[str, Any]:
    wanted = words_of(query)
    lists = data_store.use_namespace("keyword-index").get_many(wanted)
    names = set.intersection(*[set(lists.get(word, [])) for word in wanted]) if wanted else set()
    return {"query": query, "documents": data_store.use_namespace("documents").get_many(sorted(names))}


def words_of(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w{3,}", text)}


def read(path: str) -> str:
    return Path(path).read_text("utf-8")
