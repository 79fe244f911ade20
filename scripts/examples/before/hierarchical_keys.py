"""Hierarchical keys by hand: what belongs together shares a prefix, put together with f-strings and set one by one.

Input: ``project``, a name; ``directory``, a local directory whose text files are the project's.
Run:   fsstore run scripts/examples/before/hierarchical_keys.py \
         --input '{"project": "alpha", "directory": ".store-template"}'
Claims: ``project:NAME:files:`` lists the project's files; on disk the prefix is a directory.
Flaws: while a run is at it, others see half of the project, and of two runs at once one may give the config and the
other the files; a project called ``alpha:files`` has its keys among those of ``alpha``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    project, directory = input_dict["project"], input_dict["directory"]
    contents = read_texts(directory)
    data_store.set(f"project:{project}:config", {"directory": directory, "files": len(contents)})
    data_store.set(f"project:{project}:status", "active")
    for name, text in contents.items():
        data_store.set(f"project:{project}:files:{name}", text)
    return {"project": project, "files": data_store.list_keys(prefix=f"project:{project}:files:")}


def read_texts(directory: str) -> dict[str, str]:
    paths = [path for path in sorted(Path(directory).iterdir()) if path.is_file()]
    return {path.name: path.read_text("utf-8") for path in paths}
