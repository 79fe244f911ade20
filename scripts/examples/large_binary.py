"""Anti-pattern, large binary data: JSON has no bytes, so fsstore refuses them; this is what to store instead.

Input: ``file``, the path of any local file; ``inline_limit``, up to how many bytes to store it inline (4096 if not
given).
Run:   fsstore run scripts/examples/large_binary.py --input '{"file": "README.md", "inline_limit": 100}'
Claims: bytes raise a ``TypeError`` that says where they sit and names base64 as the way out, and what was stored
before stays; a small file goes in as base64 and comes back byte for byte; a bigger one stays where it is, and the
store has its path, size and digest.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    key = f"attachment:{path}"
    raw = read(path)
    refused = refusal(key, raw)
    value: dict[str, Any] = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    if len(raw) <= input_dict.get("inline_limit", 4096):
        value["base64"] = base64.b64encode(raw).decode()
    else:
        value["path"] = path
    data_store.set(key, value)
    return {"refused": refused, "stored": "base64" if "base64" in value else "reference"}


def refusal(key: str, raw: bytes) -> str:
    """What the store says to the wrong way."""
    try:
        data_store.set(key, {"data": raw})
    except TypeError as error:
        return str(error)
    raise AssertionError("bytes were stored")


def read(path: str) -> bytes:
    return Path(path).read_bytes()
