"""Names and their paths: pure text in, pure text out, no disk.

A key is cut at ``:`` and ``/`` into segments; all but the last are directories, the last is a
``.json`` file. A boundary stands for ``:`` until a component ends in ``%2F`` (then for ``/``) or
``%3A`` (then for ``:`` again); an empty segment always carries its mark. Everything a file system or
a shell would trip over is percent-encoded (RFC 3986, upper-case hex of UTF-8). Components longer than
200 bytes are cut into chunks; every chunk but the last is a directory whose name ends in a bare ``%``.
The form is canonical: ``decode(encode(name)) == name``, no two names share a path, and a path that is
not the encoding of its decoded name names nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from fsstore.errors import InvalidName

SUFFIX = ".json"
MAX_PATH = 3500
"""Longest encoded path of a key's file, in bytes, from the store's root."""

_CHUNK = 200
_NORMALIZE = unicodedata.ucd_3_2_0.normalize  # a frozen Unicode version: the form must not change with Python's
_INVISIBLE = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x200B, 0x200F), (0x2028, 0x202E)),
    *((0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB)),
)
_ALWAYS = frozenset('<>"|?*\\%:/') | {chr(c) for low, high in _INVISIBLE for c in range(low, high + 1)}
_DEVICE = re.compile(
    r"(?:con|conin\$|conout\$|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:\.|\Z)"
    r"|git~[0-9]",
    re.IGNORECASE,
)
_RESERVED_SUFFIX = re.compile(r"\.(?:json|txt|md)\Z", re.IGNORECASE)
_PERCENT = re.compile(rb"%([0-9A-F]{2})")
_SEPARATOR = re.compile(r"([:/])")
_MARK = {":": "%3A", "/": "%2F"}
_KIND = {mark: kind for kind, mark in _MARK.items()}

# What no rule above ever touches, so that whole listings are proved canonical by a few C calls.
_PLAIN_BYTES = bytes(sorted(set(range(0x20, 0x7F)) - set(b'<>"|?*\\%:~$')))  # "/" stays: it joins the names
_PLAIN_DEVICE = re.compile(r"/(?=[cpanl])(?:con|prn|aux|nul|com[0-9]|lpt[0-9])\.", re.IGNORECASE)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_\-]{1,200}(?::[A-Za-z0-9_\-]{1,200})*\Z")
_PLAIN_KEY_DEVICE = re.compile(r"(?:^|:)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?::|\Z)", re.IGNORECASE)
_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_\-](?:[A-Za-z0-9_\-+=@,. ]{0,198}[A-Za-z0-9_\-])?\Z")


class Level(NamedTuple):
    """A directory inside a namespace, as far as names go."""

    text: str = ""
    """What every key below starts with."""
    kind: str = ":"
    """The separator that an unmarked boundary below stands for."""
    held: str = ""
    """The raw text of the chunks of a segment that is not complete yet."""
    chunks: tuple[str, ...] = ()
    """Those chunks, encoded and without their final ``%``."""

    def may_hold(self, prefix: str) -> bool:
        """Whether a key below can start with ``prefix``."""
        return self.text.startswith(prefix) or prefix.startswith(self.text)


ROOT = Level()


def encode_namespace(name: str) -> str:
    """The directory of a namespace, relative to the store's root. Raises `InvalidName`."""
    require_text(name, "namespace")
    return _encode_namespace(name)


@lru_cache(1024)
def _encode_namespace(name: str) -> str:
    if not name:
        raise InvalidName("a namespace needs a name of at least one character", name=name, reason="empty")
    return "/".join(_chunk_names(_component(name, directory=True)))


def decode_namespace(path: str) -> str | None:
    """The namespace that a directory is, or ``None`` if it is none."""
    *head, last = path.split("/")
    if not all(part.endswith("%") for part in head):
        return None
    name = _unquote("".join([part[:-1] for part in head]) + last)
    return name if name and encode_namespace(name) == path else None


def encode_key(key: str) -> str:
    """The file of a key, relative to its namespace's directory. Raises `InvalidName`."""
    require_text(key, "key")
    if _PLAIN_KEY.match(key) and not _PLAIN_KEY_DEVICE.search(key):
        return key.replace(":", "/") + SUFFIX
    pieces = _SEPARATOR.split(key)
    parts: list[str] = []
    inherited = ":"
    for segment, kind in zip(pieces[0:-1:2], pieces[1::2], strict=True):
        names = _chunk_names(_component(segment, directory=True)) if segment else [""]
        if kind != inherited or not segment:
            names[-1] += _MARK[kind]
        inherited = kind
        parts += names
    leaf = _chunk_names(_component(pieces[-1], directory=False)) if pieces[-1] else ["%"]
    leaf[-1] += SUFFIX
    return "/".join(parts + leaf)


def decode_key(path: str) -> str | None:
    """The key that a file below a namespace's directory is, or ``None`` if it is none."""
    level = ROOT
    *directories, leaf = path.split("/")
    for name in directories:
        below = decode_directory(level, name)
        if below is None:
            return None
        level = below
    return decode_leaf(level, leaf)


def decode_directory(level: Level, name: str) -> Level | None:
    """The level of a sub-directory, or ``None`` if no key can lie below it."""
    chunk = name.endswith("%")
    mark = None if chunk else _KIND.get(name[-3:])
    encoded = name[:-1] if chunk else name[:-3] if mark else name
    piece = _unquote(encoded)
    if piece is None:
        return None
    if chunk:
        return Level(level.text + piece, level.kind, level.held + piece, (*level.chunks, encoded)) if piece else None
    kind = mark or level.kind
    if not piece:  # an empty segment: always marked, never in chunks
        return Level(level.text + kind, kind) if mark and not level.chunks else None
    if mark == level.kind or not _is_segment(level.held + piece, (*level.chunks, encoded), directory=True):
        return None
    return Level(level.text + piece + kind, kind)


def decode_leaf(level: Level, name: str) -> str | None:
    """The key of a file name at that level, or ``None`` if it is none."""
    if not name.endswith(SUFFIX):
        return None
    encoded = name[: -len(SUFFIX)]
    if encoded.isalnum() and 4 < len(encoded) < 200 and encoded.isascii() and not level.chunks:
        return level.text + encoded  # devices have shorter names
    if encoded == "%":
        return None if level.chunks else level.text
    if not level.chunks and _PLAIN_SEGMENT.match(encoded) and not _DEVICE.match(encoded):
        return level.text + encoded
    piece = _unquote(encoded)
    if piece is None or not _is_segment(level.held + piece, (*level.chunks, encoded), directory=False):
        return None
    return level.text + piece


def decode_leaves(level: Level, names: list[str]) -> list[str] | None:
    """The keys of many file names at once, in their order, or ``None`` if any of them needs a closer look.

    Every name must end in ``.json``. One pass each in C over the joined names, so that a listing of a
    million keys costs little more than reading the directories.
    """
    if level.chunks or not names:
        return None if names else []
    joined = f"/{'/'.join(names)}/"
    if (
        not joined.isascii()
        or joined.encode().translate(None, _PLAIN_BYTES)
        or "/." in joined
        or "..json/" in joined
        or " .json/" in joined
        or max(map(len, names)) > _CHUNK + len(SUFFIX)
        or _PLAIN_DEVICE.search(joined)
    ):
        return None
    text = level.text
    return [text + name[:-5] for name in names]


def path_of(namespace: str, key: str) -> str:
    """The file of a key, relative to the store's root. Raises `InvalidName`."""
    path = f"{encode_namespace(namespace)}/{encode_key(key)}"
    require_short(path, namespace, key)
    return path


def require_short(path: str, namespace: str, key: str) -> None:
    """Raise `InvalidName` for a path of more than `MAX_PATH` bytes."""
    if len(path) * 4 > MAX_PATH and (size := len(path.encode())) > MAX_PATH:
        raise InvalidName(
            f"key {_short(key)} of namespace {_short(namespace)} is too long: its path takes {size} bytes, the limit "
            f"is {MAX_PATH}. Store the long text in the value and use a digest of it as the key.",
            name=key,
            reason="too long",
        )


def join(parts: Iterable[str | int]) -> str:
    """One key of several parts; a part's own ``:``, ``/`` and ``%`` are percent-encoded, so none breaks out."""
    texts = [part if isinstance(part, str) else str(part) if isinstance(part, int) else None for part in parts]
    if None in texts:
        raise InvalidName(f"a part of a key is a str or an int: {tuple(parts)!r}", name="", reason="not a str")
    if not texts:
        raise InvalidName("key() needs at least one part", name="", reason="no parts")
    return ":".join(text.replace("%", "%25").replace(":", "%3A").replace("/", "%2F") for text in texts)


def require_text(name: str, what: str) -> None:
    """Raise `InvalidName` for what is no ``str`` or has no UTF-8 form; ``what`` it is to be is said."""
    if not isinstance(name, str):
        raise InvalidName(f"a {what} is a str, not {type(name).__name__}: {name!r}", name=name, reason="not a str")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidName(
            f"{what} {_short(name)} holds a lone surrogate at position {error.start}; it has no UTF-8 form. "
            f"Decode the text it came from with errors='replace'.",
            name=name,
            reason="lone surrogate",
        ) from None


def _short(name: str) -> str:
    return repr(name) if len(name) <= 60 else repr(name[:57]) + "..."


def _quote(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _unquote(text: str) -> str | None:
    """Undo percent-encoding; ``None`` where the result, or the text itself, is no UTF-8."""
    try:
        raw = text.encode()
        return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), raw).decode() if b"%" in raw else text
    except UnicodeError:
        return None


def _must_quote(text: str) -> bool:
    """Is this text (of one segment or chunk) to be written in ASCII alone?"""
    return not text.isascii() and _NORMALIZE("NFC", text) != text


def _escape(text: str, *, directory: bool) -> str:
    """One non-empty chunk as a file system may hold it; where it stands decides about its first and last characters."""
    ascii_only = _must_quote(text)
    out = [_quote(c) if c in _ALWAYS or (ascii_only and not c.isascii()) else c for c in text]
    if text[0] == "." or _DEVICE.match(text):
        out[0] = _quote(text[0])
    if text[-1] in ". ":
        out[-1] = _quote(text[-1])
    if directory and (match := _RESERVED_SUFFIX.search(text)):
        out[match.start()] = _quote(".")
    return "".join(out)


def _component(text: str, *, directory: bool) -> list[str]:
    """The encoded chunks of one segment. The limit counts encoded bytes without positional escapes."""
    if _PLAIN_SEGMENT.match(text) and not (directory and _RESERVED_SUFFIX.search(text)) and not _DEVICE.match(text):
        return [text]
    ascii_only = _must_quote(text)
    pieces, start, size = [], 0, 0
    for index, c in enumerate(text):
        length = len(c.encode())
        if c in _ALWAYS or (ascii_only and not c.isascii()):
            length *= 3
        if size + length > _CHUNK:
            pieces.append(text[start:index])
            start, size = index, 0
        size += length
    head = [_escape(piece, directory=False) for piece in pieces]
    return [*head, _escape(text[start:], directory=directory)]


def _chunk_names(component: list[str]) -> list[str]:
    return [*(chunk + "%" for chunk in component[:-1]), component[-1]]


def _is_segment(text: str, encoded: tuple[str, ...], *, directory: bool) -> bool:
    """Is this the one encoding of a non-empty segment, which no separator can be part of?"""
    return bool(text) and not _SEPARATOR.search(text) and tuple(_component(text, directory=directory)) == encoded
