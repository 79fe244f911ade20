"""Anti-pattern, large binary data: a small file goes into the store, of a large one what it takes to find and check it.

Input: ``file``, the path of any local file; ``inline_limit``, up to how many bytes to store it inline (4096 if not
given).
Run:   fsstore run scripts/examples/after/large_binary.py --input '{"file": "README.md", "inline_limit": 100}'
Claims: a small file goes in as base64 and comes back byte for byte; a bigger one stays where it is, and the store has
its path, size and digest, however large it is.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path, limit = input_dict["file"], input_dict.get("inline_limit", 4096)
    raw = read(path)
    data = {"data": base64.b64encode(raw).decode()} if len(raw) <= limit else {"path": path}
    digest = hashlib.sha256(raw).hexdigest()
    data_store.set(f"attachment:{path}", {**data, "mime_type": mimetypes.guess_type(path)[0], "sha256": digest})
    return {"stored": "base64" if "data" in data else "reference", "bytes": len(raw)}


def read(path: str) -> bytes:
    return Path(path).read_bytes()
