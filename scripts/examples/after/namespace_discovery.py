"""Namespace discovery: find the namespaces that others made, by their common prefix.

Input: ``prefix``, what their names start with (``repo:`` if not given).
Run:   fsstore run scripts/examples/after/namespace_discovery.py --input '{"prefix": "repo:"}'
Claims: exactly the namespaces with that prefix that hold a key are found, each with its number of keys and the first
five; only the names that are asked for are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    prefix = input_dict.get("prefix", "repo:")
    summary = {}
    for name in data_store.list_namespaces(prefix=prefix):
        namespace = data_store.use_namespace(name)
        summary[name] = {"keys": namespace.count(), "first": namespace.list_keys(limit=5)}
    return {"prefix": prefix, "matches": len(summary), "summary": summary}
