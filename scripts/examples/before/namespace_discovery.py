"""Namespace discovery by hand: list all namespaces, keep those with the prefix, list all keys of each.

Input: ``prefix``, what their names start with (``repo:`` if not given).
Run:   fsstore run scripts/examples/before/namespace_discovery.py --input '{"prefix": "repo:"}'
Claims: exactly the namespaces with that prefix that hold a key are found, each with its number of keys and the first
five.
Flaws: it reads every name in the store to tell some numbers, and the names of all keys to show five of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    prefix = input_dict.get("prefix", "repo:")
    matching = [name for name in data_store.list_namespaces() if name.startswith(prefix)]
    summary = {}
    for name in matching:
        keys = data_store.use_namespace(name).list_keys()
        summary[name] = {"keys": len(keys), "first": keys[:5]}
    return {"prefix": prefix, "matches": len(matching), "summary": summary}
