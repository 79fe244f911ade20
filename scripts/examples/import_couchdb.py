"""Import a CouchDB dump of the original Agent Data Store: what was a document becomes a key, at any size.

Input: ``file``, a dump: the answer of ``GET /DATABASE/_all_docs?include_docs=true``, or one document a line;
``on_conflict``, what becomes of keys that are there and hold something else: "overwrite" (if not given), "skip" or
"error".
Run:   fsstore run scripts/examples/import_couchdb.py --input '{"file": "scripts/examples/couchdb-dump.json"}'
Claims: namespace, key, value and metadata are what they were; who wrote a record first and last, and when, is in its
metadata, under "original" (access counts are left behind, as fsstore does not count reads); design documents, deleted
ones and what is no record are passed over, and counted. The dump is read as a stream, and 1,000 keys are one commit.
Interrupted, or run twice, it begins anew: what is there already is not written again.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

PIECE = 65536
ROWS = re.compile(r'\s*(?:\{[^\[{]*"(?:rows|docs)"\s*:\s*)?\[')
KEPT = ("created_at", "created_by", "updated_at", "updated_by")


def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    passed_over: Counter[str] = Counter()
    with Path(input_dict["file"]).open(encoding="utf-8") as dump:
        lines = io.BufferedReader(Lines(records(dump, passed_over)))
        done = data_store.store.import_ndjson(lines, on_conflict=input_dict.get("on_conflict", "overwrite"))
    counts = {"created": done.created, "updated": done.updated, "unchanged": done.unchanged, "skipped": done.skipped}
    return {**counts, "passed_over": dict(sorted(passed_over.items()))}


def records(dump: TextIO, passed_over: Counter[str]) -> Iterator[dict[str, Any]]:
    """What the documents say, as the lines of an import say it."""
    for found in documents(dump):
        document = found.get("doc", found) if isinstance(found, dict) else None
        if reason := unfit(document):
            passed_over[reason] += 1
            continue
        assert document is not None
        original = {name: document[name] for name in KEPT if document.get(name) is not None}
        metadata = document.get("metadata") or {}
        line = {"namespace": document.get("namespace") or "default", "key": document["key"], "value": document["value"]}
        yield line | {"metadata": {**metadata, **({"original": original} if original else {})}}


def unfit(document: Any) -> str:
    """Why it is no record; nothing if it is one."""
    if not isinstance(document, dict):
        return "no document"
    if str(document.get("_id", "")).startswith("_design/"):
        return "design"
    if document.get("_deleted"):
        return "deleted"
    fits = isinstance(document.get("key"), str) and "value" in document
    return "" if fits and isinstance(document.get("metadata") or {}, dict) else "no record"


def documents(dump: TextIO) -> Iterator[Any]:
    """The documents of a dump, one at a time, whether they are the rows of an answer or just follow one another."""
    decoder = json.JSONDecoder()
    text = dump.read(PIECE)
    while not (rows := ROWS.match(text)) and len(text) < PIECE and (more := dump.read(PIECE)):
        text += more
    at, piece = (rows.end() if rows else 0), PIECE
    while True:
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]  # it matches anything
        if text[at : at + 1] == "]":
            return
        try:
            found, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            text, at, more = text[at:], 0, dump.read(piece)
            if not more and not text:
                return
            if not more:
                raise ValueError(f"the dump ends in the middle of a document, or is none: {error}") from None
            text += more
            piece *= 2  # so that a large document is not looked at too often
        else:
            yield found
            at, piece = end, PIECE


class Lines(io.RawIOBase):
    """A file that is made while it is read: a line of JSON for each record."""

    def __init__(self, records: Iterator[dict[str, Any]]) -> None:
        self._records = records
        self._left = b""

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what comes next."""
        if not self._left:
            record = next(self._records, None)
            self._left = b"" if record is None else json.dumps(record, ensure_ascii=False).encode() + b"\n"
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
