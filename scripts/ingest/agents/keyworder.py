"""Keyworder: builds the keyword index of a tree from its outlines. It opens no source file.

Input: ``tree``, the name of the tree in the store.
Run:   fsstore run scripts/ingest/agents/keyworder.py --input '{"tree": "fsstore"}'

``keywords:TREE`` gets a key for each word that occurs in a path, a name or the first line of a module's docstring;
its value says how much each file has to do with it. The index is made whole each time, and the store leaves alone
every word of which nothing changed.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

PREFIX = "src/"
CHUNK = 500
PATH_WEIGHT, SUMMARY_WEIGHT, NAME_WEIGHT = 5, 3, 1
COMMON = {"all", "and", "are", "but", "for", "from", "has", "init", "into", "its", "not", "that", "the", "this"}


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    tree = input_dict["tree"]
    progress = tools.get("progress", lambda done, total: None)
    outlines = await data_store.use_namespace(f"outlines:{tree}").aio.get_prefix(PREFIX)
    index = invert(outlines)
    keywords = data_store.use_namespace(f"keywords:{tree}")
    old = [word for word in keywords.list_keys() if word not in index]
    removed = await keywords.aio.delete_many(old)
    words = iter(index.items())
    for done in range(0, len(index), CHUNK):
        chunk = dict(islice(words, CHUNK))
        await keywords.aio.set_many(chunk)
        progress(done + len(chunk), len(index))
    return {"words": len(index), "removed": removed}


def invert(outlines: dict[str, Any]) -> dict[str, dict[str, int]]:
    """For each word the files it occurs in, each with its weight."""
    index: dict[str, dict[str, int]] = {}
    for key, outline in outlines.items():
        for word, weight in weigh(key.removeprefix(PREFIX), outline).items():
            index.setdefault(word, {})[key] = weight
    return dict(sorted(index.items()))


def weigh(path: str, outline: dict[str, Any]) -> Counter[str]:
    weights: Counter[str] = Counter()
    names = [*outline["functions"]]
    for each in outline["classes"]:
        names += [each["name"], *each["methods"]]
    sources = ((PATH_WEIGHT, [path.removesuffix(".py")]), (SUMMARY_WEIGHT, [outline["summary"]]), (NAME_WEIGHT, names))
    for weight, texts in sources:
        for text in texts:
            weights.update(dict.fromkeys(words_of(text), weight))
    return weights


def words_of(text: str) -> set[str]:
    """Its words, taken apart at underscores and capital letters: ``parseHTTPHeader`` has three."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+", text)
    return {word.lower() for word in words if len(word) > 2} - COMMON
