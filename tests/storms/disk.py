"""What is in a store's directory, by a plain walk, without the store's own code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Place = tuple[str, str]
"""Namespace and key."""
BAD: Any = object()
"""In the place of a value that is no JSON."""


def path_of(root: Path | str, namespace: str, key: str) -> str:
    """The file of a key without odd characters."""
    return f"{root}/{namespace}/{key.replace(':', '/')}.json"


def read_all(root: Path | str) -> dict[Place, Any]:
    """The value of each key, or `BAD`."""
    found: dict[Place, Any] = {}
    for namespace in os.listdir(root):
        top = f"{root}/{namespace}"
        if namespace.startswith(".") or not os.path.isdir(top):
            continue
        for directory, names, files in os.walk(top):
            names[:] = [name for name in names if not name.startswith(".")]
            inside = directory[len(top) + 1 :].replace("/", ":")
            for name in files:
                if name.endswith(".json") and not name.startswith("."):
                    key = f"{inside}:{name[:-5]}" if inside else name[:-5]
                    found[namespace, key] = _value(f"{directory}/{name}")
    return found


def _value(path: str) -> Any:
    with open(path, "rb") as file:
        try:
            return json.loads(file.read())
        except ValueError:
            return BAD
