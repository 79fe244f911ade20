"""Write-through: do the work every time, one run at a time for each key, and store what came of it.

Input: ``file``, the path of a Python source file.
Run:   fsstore run scripts/examples/after/write_through.py --input '{"file": "fsstore/keys.py"}'
Claims: after each run the namespace ``analysis-cache`` holds the newest analysis, under the file's path: runs for one
file come one after the other, so none stores what it saw before the last one; a run that finds the same as the one
before writes nothing, so the record keeps its revision and its time.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    return dict(await data_store.aio.use_namespace("analysis-cache").update(path, lambda _: analyse(path)))


def analyse(path: str) -> dict[str, Any]:
    tree = ast.parse(Path(path).read_bytes())
    return {
        "classes": [node.name for node in tree.body if isinstance(node, ast.ClassDef)],
        "functions": [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)],
    }
