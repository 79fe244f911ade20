"""Summariser: derives statistics of a tree from what the indexers stored. It opens no source file.

Input: ``tree``, the name of the tree in the store.
Run:   fsstore run scripts/ingest/agents/summariser.py --input '{"tree": "fsstore"}'

``statistics:TREE`` gets the key ``total`` and a key ``package:NAME`` for each top-level directory (``-`` stands for
the modules that lie in none). ``packages`` in the namespace ``settings`` is the list of those to report on: if there
is none, the summariser proposes the three largest; what a person writes there stays.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

PREFIX = "src/"
LOOSE = "-"


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    tree = input_dict["tree"]
    progress = tools.get("progress", lambda done, total: None)
    records = await data_store.use_namespace(f"files:{tree}").aio.get_prefix(PREFIX)
    outlines = await data_store.use_namespace(f"outlines:{tree}").aio.get_prefix(PREFIX)
    packages = summarise(records, outlines)
    total: Counter[str] = sum(packages.values(), Counter())
    statistics = {data_store.key("package", name): as_value(counts) for name, counts in packages.items()}
    replaced = data_store.use_namespace(f"statistics:{tree}").replace_all({"total": as_value(total), **statistics})
    progress(len(packages), len(packages))

    by_size = sorted(packages.keys() - {LOOSE}, key=lambda name: (-packages[name]["lines"], name))
    data_store.use_namespace("settings").set_default("packages", by_size[:3])
    return {"packages": len(packages), "changed": len(replaced.added + replaced.changed + replaced.removed)}


def summarise(records: dict[str, Any], outlines: dict[str, Any]) -> dict[str, Counter[str]]:
    packages: dict[str, Counter[str]] = {}
    for key, record in records.items():
        first, slash, _ = record["path"].partition("/")
        counts = packages.setdefault(first if slash else LOOSE, Counter())
        counts.update(files=1, bytes=record.get("size", 0), lines=record.get("lines", 0), bad="problem" in record)
        if outline := outlines.get(key):
            methods = sum(len(each["methods"]) for each in outline["classes"])
            counts.update(classes=len(outline["classes"]), functions=len(outline["functions"]) + methods)
    return packages


def as_value(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in ("files", "bytes", "lines", "classes", "functions", "bad")}
