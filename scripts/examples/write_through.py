"""Write-through: do the work every time, and leave the result where every other agent can read it.

Input: ``file``, the path of a Python source file.
Run:   fsstore run scripts/examples/write_through.py --input '{"file": "fsstore/keys.py"}'
Claims: after each run the namespace ``analysis-cache`` holds the newest analysis, under the file's path; a run
that finds the same as the one before writes nothing, so the record keeps its revision and its time.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    analysis = analyse(input_dict["file"])
    data_store.use_namespace("analysis-cache").set(input_dict["file"], analysis)
    return analysis


def analyse(path: str) -> dict[str, Any]:
    tree = ast.parse(Path(path).read_bytes())
    return {
        "classes": [node.name for node in tree.body if isinstance(node, ast.ClassDef)],
        "functions": [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)],
    }
