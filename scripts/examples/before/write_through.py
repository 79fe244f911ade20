"""Write-through by hand: do the work every time, and store what came of it.

Input: ``file``, the path of a Python source file.
Run:   fsstore run scripts/examples/before/write_through.py --input '{"file": "fsstore/keys.py"}'
Claims: after each run the namespace ``analysis-cache`` holds an analysis under the file's path.
Flaws: it need not be the newest: a slow run that has read the file before it was changed stores its analysis over
that of a quicker one that has read it since.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    analysis = analyse(input_dict["file"])
    cache = data_store.use_namespace("analysis-cache")
    cache.set(input_dict["file"], analysis)
    return analysis


def analyse(path: str) -> dict[str, Any]:
    tree = ast.parse(Path(path).read_bytes())
    return {
        "classes": [node.name for node in tree.body if isinstance(node, ast.ClassDef)],
        "functions": [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)],
    }
