"""Stores to move records between, on memory where there is some, and files of every odd kind in one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from files.conftest import _no_process_stays, scratch

import fsstore
from fsstore import Store
from fsstore.keys import path_of

__all__ = ["_no_process_stays", "scratch"]

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "key-vectors.json").read_text())
ODD = {
    ("default", "plain"): b'{\n  "b": 1,\n  "a": [\n    true\n  ]\n}\n',
    ("default", "hand"): b'{ "b" : 1.50,\r\n\t"a":[ ] }',
    ("default", "marked"): b"\xef\xbb\xbf5\n",
    ("default", "empty"): b"",
    ("default", "broken"): b'{"a": [1, 2,}\n<<<<<<< HEAD\n',
    ("default", "twice"): b'{"a": 1, "a": 2}\n',
    ("default", "bytes"): b"\xff\xfe\x00\n",
    ("default", "huge"): b"123456789012345678901234567890\n",
    ("default", "deep"): b"[" * 254 + b"]" * 254,
    ("default", ""): b'""\n',
    ("a:b", "x/y"): '"é \\u2028 \u2028 日本"\n'.encode(),
    ("a:b", "x:y"): b"-0.0\n",
}
"""Bytes by namespace and key."""


@pytest.fixture
def source(scratch: Path) -> Iterator[Store]:
    with fsstore.open(scratch / "source", agent="writer") as opened:
        yield opened


@pytest.fixture
def target(scratch: Path) -> Iterator[Store]:
    with fsstore.open(scratch / "target", agent="importer") as opened:
        yield opened


@pytest.fixture
def odd(source: Store, scratch: Path) -> Store:
    """The source, with files of every kind, and metadata."""
    put(scratch / "source", ODD)
    source.set("noted", 1, {"by": "Ada", "n": [1, {"x": None}]})
    return source


def put(root: Path, files: dict[tuple[str, str], bytes]) -> None:
    """Lay files where keys' files lie, as a person does."""
    for (namespace, key), raw in files.items():
        path = root / path_of(namespace, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)


def files_of(root: Path) -> dict[str, bytes]:
    """All files of all namespaces of a store by path, metadata and rules too."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for directory in root.iterdir()
        if directory.is_dir() and directory.name not in (".fsstore", ".git")
        for path in directory.rglob("*")
        if path.is_file()
    }
