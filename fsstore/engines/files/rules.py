"""What holds for all keys of a namespace: its ``.meta/.namespace.json``, read again when it may have changed.

It knows the file, and the meaning of no rule. What was read is believed for 5 ms, so that asking costs nothing;
who changes the rules waits so long before going on, and from then on every process goes by them.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fsstore import values
from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.durable import sync_files
from fsstore.errors import BadValue, StoreError
from fsstore.keys import encode_namespace
from fsstore.ops import too_large
from fsstore.records import NO_RULES, Rules
from fsstore.revisions import revision as revision_of

SETTLED = 0.005  # seconds: by then every process has read what was changed
_BELIEVED = SETTLED
LIMIT = 1024 * 1024  # bytes
NO_MEMBERS = b"{}\n"
"""The content of a file that says nothing."""
_NAMESPACES = 10_000
_ATTEMPTS = 100
_PATIENCE = 0.05  # seconds: a file so young may be half written
_GONE = (FileNotFoundError, NotADirectoryError)
_REASONS = {
    errno.EFBIG: f"it has more than {LIMIT:,} bytes",
    errno.ELOOP: "it is a symbolic link, or lies behind one, which nobody follows",
}


class NamespaceRules:
    """The rules of a store's namespaces."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._kept: dict[str, tuple[float, Rules, bytes | None]] = {}
        """Until when which are believed, and what the file had; as long as it has that, they are the same object."""
        self._mortal: dict[str, tuple[float, bool]] = {}
        """Until when it is believed whether keys may end by themselves."""

    def of(self, namespace: str) -> Rules:
        """Those of one namespace. Raises `BadValue` for a file that makes no sense."""
        return self._believed(namespace)[1]

    def _believed(self, namespace: str) -> tuple[float, Rules]:
        """The same, and until when they are believed."""
        found = self._kept.get(namespace)
        now = time.monotonic()
        if found is not None and now < found[0]:
            return found[0], found[1]
        raw, rules = self._read(namespace)
        if found is not None and found[2] == raw:
            rules = found[1]
        if len(self._kept) >= _NAMESPACES:
            self._kept.clear()
        until = now + _BELIEVED
        self._kept[namespace] = until, rules, raw
        return until, rules

    def may_expire(self, namespace: str) -> bool:
        """Whether any key may end by itself; also where a damaged file hides it."""
        found = self._mortal.get(namespace)
        now = time.monotonic()
        if found is not None and now < found[0]:
            return found[1]
        try:
            until, rules = self._believed(namespace)  # together: another thread may have read others since
        except BadValue:
            return True
        if len(self._mortal) >= _NAMESPACES:
            self._mortal.clear()
        self._mortal[namespace] = until, rules.expires
        return rules.expires

    def forget(self, namespace: str) -> None:
        """Read them again."""
        self._kept.pop(namespace, None)
        self._mortal.pop(namespace, None)

    def change(
        self, namespace: str, members: Mapping[str, Any], staged: bytes, note: Callable[[dict[str, Any]], None]
    ) -> None:
        """Give the file other members, ``None`` takes one away, while whoever calls keeps other writers out.

        ``note`` is called with the journal's line, right before the one rename by which it is done; durable when this
        returns, and after a kill at any instant the old or the new. What a person saves in between is lost. Raises
        `BadValue` for a file that makes no sense, and `TooLarge`.
        """
        path = layout.rules_path(namespace)
        self.forget(namespace)
        old = self.of(namespace)
        raw = _changed(old, members)
        if len(raw) > LIMIT:
            raise too_large(len(raw), LIMIT, f"the rules of namespace {namespace!r}")
        if raw == values.encode(dict(old.members)):
            return
        if raw == NO_MEMBERS:
            self._remove(namespace, path, note)
            return
        os.close(self._tree.make_directories(os.path.dirname(path)))  # it fails before anything is noted, if it does
        try:
            try:
                like = self._tree.stat(path)
            except _GONE:
                like = None
            self._tree.stage(staged, raw, like, sync=True)
            written = os.stat(staged).st_mtime
            was = None if like is None else like.st_mtime
            note(
                {
                    "op": "create" if like is None else "update",
                    "path": path,
                    "was": was,
                    "time": written,
                    "revision": revision_of(raw),
                }
            )
            self._place(staged, path)
        except BaseException:
            discard(staged)
            raise
        finally:
            self.forget(namespace)
        sync_files(self._tree, [path])

    def _place(self, staged: bytes, path: str) -> None:
        """Rename the new file into its place, whose directory goes whenever the last sidecar in it does."""
        directory, name = os.path.split(path)
        for left in reversed(range(_ATTEMPTS)):
            parent = self._tree.make_directories(directory)
            try:
                os.rename(staged, name, dst_dir_fd=parent)
            except FileNotFoundError:
                if not left or not self._tree.exists(staged):
                    raise
            else:
                return
            finally:
                os.close(parent)

    def _remove(self, namespace: str, path: str, note: Callable[[dict[str, Any]], None]) -> None:
        """Remove a file that would say nothing, and the directories that this leaves empty."""
        target = self._tree.absolute(path)
        try:
            was = self._tree.stat(path).st_mtime
            note({"op": "delete", "path": path, "was": was, "time": time.time(), "revision": None})
            os.unlink(target)
            with suppress(OSError):  # in use, mostly
                os.rmdir(os.path.dirname(target))
                os.rmdir(os.path.dirname(os.path.dirname(target)))
        except FileNotFoundError:  # a person was faster
            return
        finally:
            self.forget(namespace)
        sync_files(self._tree, [path])

    def _read(self, namespace: str) -> tuple[bytes | None, Rules]:
        """The file's content and its meaning; read again while somebody may be writing it."""
        path = layout.rules_path(namespace)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                raw = self._tree.read(path, LIMIT)
                return raw, parse_rules(raw)
            except _GONE:
                return None, NO_RULES
            except values.Malformed as error:
                if time.monotonic() > until or not self._is_young(path):
                    raise self._bad(namespace, path, error) from None
            except OSError as error:
                if os.path.islink(self._tree.absolute(encode_namespace(namespace))):
                    return None, NO_RULES  # no key can be read or written there, and that error says why
                raise self._bad(namespace, path, error) from None
            time.sleep(0.002)

    def _is_young(self, path: str) -> bool:
        try:
            return abs(time.time() - self._tree.stat(path).st_mtime) < _PATIENCE
        except OSError:
            return True

    def _bad(self, namespace: str, path: str, error: OSError | values.Malformed) -> StoreError:
        where = f"{self._tree.root}/{path}"
        reason, line, column = "", None, None
        if isinstance(error, values.Malformed):
            reason, line, column = error.reason, error.line, error.column
        else:
            reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        at = where if line is None else f"{where}, line {line}, column {column}"
        return BadValue(
            f"the rules of namespace {namespace!r} make no sense: {at}: {reason}. Its keys can be read; to write any, "
            f"mend that file, bring it back with git checkout, or remove it: then there are no rules.",
            namespace=namespace,
            key="",
            path=where,
            reason=reason,
            line=line,
            column=column,
        )


def parse_rules(raw: bytes) -> Rules:
    """The content of the file. Raises `Malformed`."""
    found = values.decode(raw)
    if not isinstance(found, dict):
        raise values.Malformed('it should read {"schema": {...}, "ttl": 3600, "expires": true}, or less')
    schema, ttl = found.get("schema"), found.get("ttl")
    if schema is not None and not isinstance(schema, dict | bool):
        raise values.Malformed(f'"schema" is a JSON Schema, an object; not {values.brief(schema, 40)}')
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl < float("inf")):
        raise values.Malformed(f'"ttl" is a number of seconds above 0; not {values.brief(ttl, 40)}')
    if not isinstance(found.get("expires", False), bool):
        raise values.Malformed(f'"expires" is true or false; not {values.brief(found["expires"], 40)}')
    index = found.get("index", {})
    if not isinstance(index, dict) or not all(_is_paths(index.get(name, [])) for name in ("fields", "text")):
        raise values.Malformed('"index" should read {"fields": [...], "text": [...]}')
    return Rules(found)


def _is_paths(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _changed(rules: Rules, members: Mapping[str, Any]) -> bytes:
    """The file's content after a change."""
    merged = {**rules.members, **members}
    return values.encode({name: value for name, value in merged.items() if value is not None})
