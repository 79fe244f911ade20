"""What a store tells of its history: commits, versions and changes; pure data. It reads no repository."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

from fsstore.records import timestamp

Kind = Literal["added", "removed", "changed"]

_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_GIT_GENERATED = ("Signed-off-by: ", "(cherry picked from commit ")


class Commit(NamedTuple):
    """One commit: who, when, why, and in which run of which agent."""

    id: str
    """40 hexadecimal digits."""
    parents: tuple[str, ...]
    author: str
    email: str
    time: str
    """The author's, ISO 8601, UTC."""
    summary: str
    """The first line of the message."""
    message: str
    agent: str | None
    """The trailer ``Agent``; ``None`` where there is none, as in a person's commit."""
    run: str | None
    """The trailer ``Run-Id``."""
    status: str | None
    """The trailer ``Status``."""

    @property
    def parent_run(self) -> str | None:
        """The trailer ``Parent-Run-Id``: the run in which that of this commit was begun."""
        return _unquoted(trailers(self.message).get("Parent-Run-Id"))

    def as_dict(self) -> dict[str, Any]:
        """The commit as a JSON object."""
        return {**self._asdict(), "parents": list(self.parents)}


class Difference(NamedTuple):
    """One step from an old value to a new one, as an operation of a JSON patch (RFC 6902)."""

    op: Literal["add", "remove", "replace"]
    path: str
    """A JSON pointer (RFC 6901) into the value as the steps before have left it; ``""`` is the whole value."""
    old: Any
    """``None`` for what is added."""
    new: Any
    """``None`` for what is removed."""


class Change(NamedTuple):
    """What became of one file from one state of the store to another."""

    path: str
    """Relative to the store."""
    namespace: str | None
    key: str | None
    """``None``: a file that is no key's."""
    kind: Kind
    old: Any
    """The value; the `BadValue` of reading it where the file held none; ``None`` where there was no file."""
    new: Any
    details: list[Difference]
    """The steps from ``old`` to ``new``; empty unless both are values."""


class Version(NamedTuple):
    """What one commit made of a key."""

    commit: Commit
    kind: Kind
    old: Any
    """The value before; the `BadValue` of reading it where the file held none; ``None`` where there was no key."""
    new: Any


class Blame(NamedTuple):
    """Which commit gave a part of a value its present content."""

    member: str | None
    """A member of the object at the top; ``None``: the value as a whole, where it is no object."""
    value: Any
    commit: Commit


class Cost(NamedTuple):
    """What a history takes of the disk."""

    bytes: int
    """Of its objects."""
    packs: int
    """Each snapshot adds one; they are joined when there are many."""
    loose: int
    """Objects that lie in no pack: those of git commands, as a rule."""


class Collected(NamedTuple):
    """What packing a history did."""

    before: Cost
    after: Cost


class Restored(NamedTuple):
    """What a restore did."""

    commit: Commit | None
    """``None``: nothing differed."""
    set: list[tuple[str, str]]
    """Namespaces and keys that got back an earlier value."""
    deleted: list[tuple[str, str]]
    """Namespaces and keys that were not there then."""


def make_commit(id: bytes, parents: tuple[bytes, ...], author: str, email: str, seconds: float, message: str) -> Commit:
    """A commit of what git's object says. The ids are 20 raw bytes, ``seconds`` count from the epoch."""
    found = trailers(message) if ":" in message else {}
    return Commit(
        id=id.hex(),
        parents=tuple([parent.hex() for parent in parents]),
        author=author,
        email=email,
        time=timestamp(seconds),
        summary=message.lstrip("\n").partition("\n")[0],
        message=message,
        agent=_unquoted(found.get("Agent")),
        run=_unquoted(found.get("Run-Id")),
        status=found.get("Status"),
    )


def _unquoted(text: str | None) -> str | None:
    """A name that is written as a JSON string where it would not fit on a line."""
    if text is None or not text.startswith('"'):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, str) else text


def trailers(message: str) -> dict[str, str]:
    """The trailers at the end of a message, by git's rule: of two with one name the last counts.

    They are the last paragraph, never the first, if every line of it is a trailer (or goes on with one, after
    white space), or every fourth and one of them is git's own.
    """
    *before, last = re.split(r"\n(?:[ \t]*\n)+", message.strip("\n"))
    if not before:
        return {}
    found: dict[str, str] = {}
    name, matching, others, generated = "", 0, 0, False
    for line in last.rstrip().split("\n"):
        if line[:1] in (" ", "\t"):
            if name:
                found[name] = f"{found[name]} {line.strip()}"
            else:
                others += not matching
            continue
        match = _TRAILER.fullmatch(line)
        name = match[1] if match else ""
        if match:
            found[name] = match[2].rstrip()
        generated |= line.startswith(_GIT_GENERATED)
        matching += bool(match) or line.startswith(_GIT_GENERATED)
        others += not match and not line.startswith(_GIT_GENERATED)
    return found if not others or (generated and matching * 3 >= others) else {}
