"""Cache-aside: look into the store first, do the expensive work only when nothing is there, and keep its result.

Input: ``file``, the path of a local file; describing it stands for the expensive work.
Run:   fsstore run scripts/examples/cache_aside.py --input '{"file": "README.md"}'
Claims: the second run answers from the store and does not open the file; any stored result is a hit, also an
empty one; nothing expires, so that the answer stays as it is until somebody deletes the key.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

_ABSENT = object()


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    key = f"description:{input_dict['file']}"
    stored = data_store.get(key, _ABSENT)
    if stored is not _ABSENT:
        return {"description": stored, "source": "cache"}
    description = describe(input_dict["file"])
    data_store.set(key, description, metadata={"made_from": input_dict["file"]})
    return {"description": description, "source": "file"}


def describe(path: str) -> dict[str, Any]:
    raw = Path(path).read_bytes()
    return {"bytes": len(raw), "lines": raw.count(b"\n"), "sha256": hashlib.sha256(raw).hexdigest()}
