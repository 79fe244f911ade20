"""What of a namespace's values is indexed: a rule of the namespace, for everybody. It indexes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fsstore.engine import Engine, Reader
from fsstore.errors import ReadOnly
from fsstore.finding import paths
from fsstore.records import Author


class Declared(NamedTuple):
    """Paths into the values."""

    fields: list[str]
    text: list[str]

    def field_steps(self) -> list[paths.Steps]:
        """The places of the fields."""
        return [paths.parse(each) for each in self.fields]

    def text_steps(self) -> list[paths.Steps] | None:
        """Where text is looked for; ``None``: in all of a value."""
        return [paths.parse(each) for each in self.text] or None


def declared(reader: Reader, namespace: str) -> Declared:
    """What is indexed there. Raises the `StoreError` of reading its rules."""
    found = reader.rules(namespace).indexed
    return Declared(list(found.get("fields", ())), list(found.get("text", ())))


def declare(engine: Engine, namespace: str, fields: Iterable[str], text: Iterable[str], author: Author) -> None:
    """Have these indexed from now on, and nothing else. Raises `ReadOnly`."""
    if reason := engine.capabilities.read_only:
        raise ReadOnly(f"index() on namespace {namespace!r} of a read-only store: {reason}.", reason=reason)
    texts = [text] if isinstance(text, str) else text
    wanted = Declared(_paths(fields), _paths(texts))
    members = {name: found for name, found in wanted._asdict().items() if found}
    engine.set_rules(namespace, {"index": members or None}, author)


def _paths(given: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(paths.require(each) for each in given))
