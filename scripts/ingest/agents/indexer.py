"""Indexer: keeps a record and an outline of every Python file of a source tree. It draws no conclusions from them.

Input: ``tree``, the name the tree has in the store; ``source``, its directory; ``shard`` and ``shards``, if several
indexers share the work (each file is then the business of one of them).
Run:   fsstore run scripts/ingest/agents/indexer.py --input '{"tree": "fsstore", "source": "fsstore"}'

``files:TREE`` gets a record for each file, ``outlines:TREE`` what ``ast`` finds in those that parse, both under the
key ``src/PATH``. A file whose digest is the recorded one is not parsed again; what vanished from the tree goes.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

PREFIX = "src/"
CHUNK = 50
# Other people's packages, caches, and what the standard library's tests keep because it does not parse.
LEFT_OUT = ("site-packages", "dist-packages", "__pycache__", "tokenizedata", "lib2to3/tests/data", "test_lib2to3/data")


class Known(NamedTuple):
    """What the store has of this indexer's share."""

    records: dict[str, Any]
    outlined: set[str]


class Finding(NamedTuple):
    """What the store is to have of a new or changed file."""

    record: dict[str, Any]
    outline: dict[str, Any] | None


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    tree, shard, shards = input_dict["tree"], input_dict.get("shard", 0), input_dict.get("shards", 1)
    progress = tools.get("progress", lambda done, total: None)
    parsing = tools.get("parsing", contextlib.nullcontext())
    files, outlines = data_store.use_namespace(f"files:{tree}"), data_store.use_namespace(f"outlines:{tree}")

    def mine(key: str) -> bool:
        return bool(zlib.crc32(key.encode()) % shards == shard)

    paths = {key: path for key, path in python_files(input_dict["source"]) if mine(key)}
    recorded = [key for key in files.list_keys(prefix=PREFIX) if mine(key)]
    outlined = [key for key in outlines.list_keys(prefix=PREFIX) if mine(key)]
    # What somebody broke so that it is no JSON any more counts as missing, and is made anew.
    known = Known(
        records=await files.aio.get_many(recorded, errors="skip"),
        outlined=set(await outlines.aio.get_many(outlined, errors="skip")),
    )

    indexed = 0
    keys = list(paths)
    for start in range(0, len(keys), CHUNK):
        chunk = {key: paths[key] for key in keys[start : start + CHUNK]}
        found = await asyncio.to_thread(examine, chunk, known, parsing)
        # The outlines first: a record says that all the rest about its file is there.
        await outlines.aio.set_many({key: new.outline for key, new in found.items() if new.outline is not None})
        await outlines.aio.delete_many([key for key, new in found.items() if new.outline is None])
        await files.aio.set_many({key: new.record for key, new in found.items()})
        indexed += len(found)
        progress(start + len(chunk), len(keys))

    gone = {*recorded, *outlined} - paths.keys()
    await files.aio.delete_many(gone)
    await outlines.aio.delete_many(gone)
    return {"files": len(keys), "indexed": indexed, "unchanged": len(keys) - indexed, "removed": len(gone)}


def python_files(source: str) -> Iterator[tuple[str, str]]:
    """Key and path of every Python file that is not left out."""
    for directory, subdirectories, names in os.walk(source):
        inside = "/" + os.path.relpath(directory, source).replace(os.sep, "/")
        subdirectories[:] = [name for name in sorted(subdirectories) if not is_left_out(f"{inside}/{name}")]
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.endswith(".py") and os.path.isfile(path):
                relative = os.path.relpath(path, source).replace(os.sep, "/")
                yield PREFIX + os.fsencode(relative).decode(errors="backslashreplace"), path


def is_left_out(directory: str) -> bool:
    hidden = directory.rpartition("/")[2].startswith(".")
    return hidden or directory.endswith(tuple(f"/{name}" for name in LEFT_OUT))


def examine(chunk: dict[str, str], known: Known, parsing: AbstractContextManager[object]) -> dict[str, Finding]:
    """What is new in these files; the unchanged ones are missing in the answer. One parses at a time."""
    found = {}
    for key, path in chunk.items():
        record: dict[str, Any] = {"path": key.removeprefix(PREFIX)}
        try:
            with open(path, "rb") as file:
                raw = file.read()
        except OSError as error:
            found[key] = Finding({**record, "problem": error.strerror or str(error)}, None)
            continue
        record |= {"size": len(raw), "lines": len(raw.splitlines()), "sha256": hashlib.sha256(raw).hexdigest()}
        if not is_current(record, known.records.get(key), outlined=key in known.outlined):
            found[key] = parse(record, raw, parsing)
    return found


def is_current(record: dict[str, Any], stored: Any, *, outlined: bool) -> bool:
    """Does the store know this content, and has it what it should have of it: an outline, or the reason for none?"""
    if not isinstance(stored, dict):
        return False
    known = {name: value for name, value in stored.items() if name != "problem"}
    return known == record and ("problem" in stored) != outlined


def parse(record: dict[str, Any], raw: bytes, parsing: AbstractContextManager[object]) -> Finding:
    try:
        with parsing:
            module = ast.parse(raw)
        return Finding(record, outline(module))
    except SyntaxError as error:
        return Finding({**record, "problem": f"line {error.lineno}: {storable(error.msg)}"}, None)
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, or too deep for this interpreter
        return Finding({**record, "problem": storable(str(error)) or type(error).__name__}, None)


def outline(module: ast.Module) -> dict[str, Any]:
    docstring = (ast.get_docstring(module) or "").strip()
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    return {
        "summary": storable(docstring.partition("\n")[0][:200]),
        "classes": [{"name": node.name, "line": node.lineno, "methods": functions(node)} for node in classes],
        "functions": functions(module),
    }


def functions(parent: ast.Module | ast.ClassDef) -> list[str]:
    return [node.name for node in parent.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def storable(text: str) -> str:
    """Python's strings can hold halves of surrogate pairs, and JSON in UTF-8 cannot."""
    return text.encode(errors="replace").decode()
