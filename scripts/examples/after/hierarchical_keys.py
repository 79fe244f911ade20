"""Hierarchical keys: what belongs together shares a prefix, is set together, and a prefix lists it.

Input: ``project``, a name; ``directory``, a local directory whose text files are the project's.
Run:   fsstore run scripts/examples/after/hierarchical_keys.py \
         --input '{"project": "alpha", "directory": ".store-template"}'
Claims: others see all of the project as one run stored it, or nothing of it; ``project:NAME:files:`` lists the files
of that project and of no other, not even of one whose name starts the same or contains a separator
(``data_store.key`` joins parts so that none breaks out); on disk the prefix is a directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    directory, project = input_dict["directory"], data_store.key("project", input_dict["project"])
    contents = read_texts(directory)
    config = {"directory": directory, "files": len(contents)}
    files = {f"{project}:{data_store.key('files', name)}": text for name, text in contents.items()}
    data_store.set_many({f"{project}:config": config, f"{project}:status": "active", **files})
    return {"project": input_dict["project"], "files": data_store.list_keys(prefix=f"{project}:files:")}


def read_texts(directory: str) -> dict[str, str]:
    paths = [path for path in sorted(Path(directory).iterdir()) if path.is_file()]
    return {path.name: path.read_text("utf-8") for path in paths}
