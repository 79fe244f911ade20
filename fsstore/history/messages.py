"""What a snapshot's commit says: a line for people, and trailers for programs (git-interpret-trailers(1))."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_NAMED = 20  # keys


class Told(NamedTuple):
    """One changed file, as a message tells of it."""

    path: str
    namespace: str | None
    key: str | None
    """``None`` for a file that is no key's."""
    kind: str
    """``added``, ``changed`` or ``removed``."""
    is_metadata: bool


def summary(changes: Sequence[Told]) -> str:
    """How many keys were set and deleted, and where: ``3 set, 1 deleted in cache:github``."""
    keys: dict[tuple[str, str], str] = {}
    files: list[str] = []
    for change in changes:
        if change.namespace is None or change.key is None:
            files.append(change.path)
        elif change.is_metadata:
            keys.setdefault((change.namespace, change.key), "set")
        else:
            keys[change.namespace, change.key] = "deleted" if change.kind == "removed" else "set"
    parts = [f"{count} {verb}" for verb in ("set", "deleted") if (count := list(keys.values()).count(verb))]
    namespaces = sorted({namespace for namespace, _ in keys})
    told = f"{', '.join(parts)} in {_places(namespaces)}" if parts else ""
    if files:
        of_files = f"file {files[0]}" if len(files) == 1 else f"{len(files)} files"
        told = f"{told}, and {of_files}" if told else of_files
    return one_line(told)


def compose(first: str, trailers: Iterable[tuple[str, str]], body: str = "") -> str:
    """The message of these parts."""
    first, body = (text.replace("\0", " ").encode("utf-8", "replace").decode() for text in (first, body))
    lines = "\n".join(f"{name}: {value}" for name, value in trailers)
    return "\n\n".join(part for part in (first.strip(), body.strip("\n"), lines) if part) + "\n"


def keys_line(changes: Sequence[Told]) -> str:
    """The changed keys, each as ``namespace/key``, the first twenty by name."""
    names = sorted({f"{change.namespace}/{change.key}" for change in changes if change.key is not None})
    shown = ", ".join(quoted(name, ",") for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def quoted(text: str, special: str = "") -> str:
    """A name on one line: as it is, or else as a JSON string."""
    plain = text.isprintable() and text == text.strip() and not text.startswith('"')
    return text if plain and not any(char in text for char in special) else json.dumps(text)


def one_line(text: str) -> str:
    """Text without line breaks and other control characters."""
    return text if text.isprintable() else json.dumps(text, ensure_ascii=True)[1:-1]


def _places(namespaces: list[str]) -> str:
    if len(namespaces) <= 2:
        return " and ".join(namespaces)
    return f"{len(namespaces)} namespaces"
