"""Anti-pattern, large binary data by hand: bytes are no JSON, and as base64 all of them are in the value.

Input: ``file``, the path of any local file; ``inline_limit`` means something to the other form alone.
Run:   fsstore run scripts/examples/before/large_binary.py --input '{"file": "README.md", "inline_limit": 100}'
Claims: bytes raise a ``TypeError`` that says where they sit and names base64 as the way out, and what was stored
before stays; base64 goes in and comes back byte for byte.
Flaws: a value is read, written and versioned as a whole: a file of any size is in it, a third larger than it was, at
each look and in every version that the history keeps.
"""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    path = input_dict["file"]
    raw = read(path)
    value: dict[str, Any] = {"data": raw, "mime_type": mimetypes.guess_type(path)[0]}
    try:
        data_store.set(f"attachment:{path}", value)  # the wrong way
    except TypeError:
        value["data"] = base64.b64encode(raw).decode()
        data_store.set(f"attachment:{path}", value)
    return {"stored": "base64", "bytes": len(raw)}


def read(path: str) -> bytes:
    return Path(path).read_bytes()
