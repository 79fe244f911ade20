"""Six flaws that can be put into the real engine of this process, to see that the contract suite notices them.

It patches functions of the imported package and knows nothing of the tests. What it replaces must be there:
a flaw that no longer fits the engine fails at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fsstore import values
from fsstore.engines.files import listing
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.listing import Listings
from fsstore.engines.files.places import Place
from fsstore.engines.files.placing import Placing
from fsstore.engines.files.sidecars import Keep, Sidecars


class Flaw(NamedTuple):
    """What is wrong, and the patch that makes it so."""

    wrong: str
    apply: Callable[[], None]


def _replace(owner: Any, name: str, flawed: Any) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more: this flaw has to be written anew"
    setattr(owner, name, flawed)


def _unsorted_keys() -> None:
    def merge(lists: list[list[str]]) -> list[str]:
        return [key for part in lists for key in reversed(part)]

    _replace(listing, "merge", merge)


def _prefix_by_path() -> None:
    sound = Listings.keys

    def keys(self: Listings, namespace_path: str, prefix: str) -> list[str]:
        directory = prefix if prefix.endswith((":", "/")) else prefix + ":"
        return [key for key in sound(self, namespace_path, prefix) if not prefix or (key + ":").startswith(directory)]

    _replace(Listings, "keys", keys)


def _metadata_replaced() -> None:
    sound = Sidecars.merged

    def merged(
        self: Sidecars, place: Place, given: Mapping[str, Any] | None, expires: float | Keep | None, *, exists: bool
    ) -> bytes | None:
        return values.encode({"metadata": dict(given)}) if given else sound(self, place, given, expires, exists=exists)

    _replace(Sidecars, "merged", merged)


def _live_objects() -> None:
    sound = values.decode
    kept: dict[bytes, Any] = {}

    def decode(raw: bytes) -> Any:
        if raw not in kept:
            kept[raw] = sound(raw)
        return kept[raw]

    _replace(values, "decode", decode)


def _in_place_write() -> None:
    def put(self: Placing, staged: bytes, parent: bytes, name: bytes, directories: Directories) -> None:
        at = directories.make(parent)
        with (
            open(staged, "rb") as new,
            open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=at), "wb") as old,
        ):
            old.write(new.read())
        os.unlink(staged)

    _replace(Placing, "put", put)


def _stale_descriptor() -> None:
    sound = Directories.__init__
    kept: dict[bytes, int] = {}

    def init(self: Directories, *args: Any) -> None:
        sound(self, *args)
        _replace(self, "_handles", kept)

    _replace(Directories, "__init__", init)
    _replace(Directories, "close", lambda self: None)
    _replace(Directories, "moved", lambda self, path: False)


FLAWS: dict[str, Flaw] = {
    "unsorted-keys": Flaw("keys come in the order of the directory", _unsorted_keys),
    "prefix-by-path": Flaw("a prefix matches whole segments, not characters", _prefix_by_path),
    "metadata-replaced": Flaw("new metadata takes the place of the old instead of being merged", _metadata_replaced),
    "live-objects": Flaw("callers of one key share one object", _live_objects),
    "in-place-write": Flaw("a file is emptied and written again instead of replaced", _in_place_write),
    "stale-descriptor": Flaw("a directory is remembered by a descriptor that nobody checks", _stale_descriptor),
}
