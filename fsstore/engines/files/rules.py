"""What holds for all keys of a namespace: its ``.meta/.namespace.json``, read again when it may have changed.

It knows the file, and the meaning of no rule. What was read is believed for 5 ms, so that asking costs nothing;
who changes the rules waits so long before going on, and from then on every process goes by them.
"""

from __future__ import annotations

import time
from typing import Any

from fsstore import values
from fsstore.engines.files import failures, layout
from fsstore.engines.files.atomic import Tree
from fsstore.errors import BadValue
from fsstore.keys import encode_namespace
from fsstore.records import NO_RULES, Rules

BELIEVED = 0.005  # seconds
LIMIT = 1024 * 1024  # bytes
_NAMESPACES = 10_000
_GONE = (FileNotFoundError, NotADirectoryError)


class NamespaceRules:
    """The rules of a store's namespaces."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._kept: dict[str, tuple[float, Rules]] = {}
        """Until when which are believed."""
        self._mortal: dict[str, tuple[float, bool]] = {}
        """Until when it is believed whether keys may end by themselves."""

    def of(self, namespace: str) -> Rules:
        """Those of one namespace. Raises `BadValue` for a file that makes no sense."""
        found = self._kept.get(namespace)
        now = time.monotonic()
        if found is not None and now < found[0]:
            return found[1]
        rules = self._read(namespace)
        if len(self._kept) >= _NAMESPACES:
            self._kept.clear()
        self._kept[namespace] = now + BELIEVED, rules
        return rules

    def may_expire(self, namespace: str) -> bool:
        """Whether any key may end by itself; also where a damaged file hides it."""
        found = self._mortal.get(namespace)
        now = time.monotonic()
        if found is not None and now < found[0]:
            return found[1]
        try:
            may = self.of(namespace).expires
        except BadValue:
            may = True
        if len(self._mortal) >= _NAMESPACES:
            self._mortal.clear()
        self._mortal[namespace] = now, may
        if (kept := self._kept.get(namespace)) is not None:
            self._mortal[namespace] = kept[0], may
        return may

    def forget(self, namespace: str) -> None:
        """Read them again."""
        self._kept.pop(namespace, None)
        self._mortal.pop(namespace, None)

    def _read(self, namespace: str) -> Rules:
        path = f"{encode_namespace(namespace)}/{layout.RULES}"
        try:
            return parse_rules(self._tree.read(path, LIMIT))
        except _GONE:
            return NO_RULES
        except (OSError, values.Malformed) as error:
            told = failures.reading(
                error, namespace, "", f"{self._tree.root}/{path}", LIMIT, "Mend that file, or remove it."
            )
            raise told from None


def parse_rules(raw: bytes) -> Rules:
    """The content of the file. Raises `Malformed`."""
    found = values.decode(raw)
    if not isinstance(found, dict):
        raise values.Malformed('it should read {"schema": {...}, "ttl": 3600, "expires": true}, or less')
    ttl = found.get("ttl")
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl < float("inf")):
        raise values.Malformed(f'"ttl" is a number of seconds above 0; not {values.brief(ttl, 40)}')
    if not isinstance(found.get("index", {}), dict):
        raise values.Malformed('"index" should read {"fields": [...], "text": [...]}')
    return Rules(found)


def changed(rules: Rules, members: Any) -> bytes:
    """The file's content after a change."""
    merged = {**rules.members, **members}
    return values.encode({name: value for name, value in merged.items() if value is not None})
