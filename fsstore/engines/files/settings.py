"""Changing what ``fsstore.json`` says of a store. It knows the file, and no setting's meaning."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from fsstore import values
from fsstore.engines.files import failures, layout
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.durable import sync_files
from fsstore.engines.files.stripes import Stripe, Stripes, release
from fsstore.errors import ReadOnly

_LIMIT = 1024 * 1024
_STRIPE = 0


def change_setting(root: str, name: str, value: Any) -> bool:
    """Give one setting of the store a value, ``None`` takes it away; whether it had another one.

    Who has the store open keeps the old one. All else in the file stays, what this version does not know included.
    Atomic and durable. Raises `StoreMissing`, `NotAStore`, and `ReadOnly` for a format that is not ours.
    """
    tree = Tree(os.path.realpath(root))
    with failures.told(tree.root):
        _marker(tree)  # nothing is made where there is no store of ours
        with _alone(tree):
            return _change(tree, name, value)


@contextlib.contextmanager
def _alone(tree: Tree) -> Iterator[None]:
    """Keep out whoever changes another setting, and whoever takes a staged file without a holder for a dead one's."""
    for directory in (layout.TMP, layout.JOURNAL):
        os.close(tree.make_directories(directory))
    stripes = Stripes.shared(tree, layout.JOURNAL)
    held: list[Stripe] = []
    try:
        stripes.acquire([_STRIPE], into=held)
        yield
    finally:
        release(held)
        stripes.leave()


def _marker(tree: Tree) -> layout.Marker:
    marker = layout.read_marker(tree)
    if marker.format != layout.FORMAT:
        reason = f"its format is {marker.format}, and this fsstore writes format {layout.FORMAT}; upgrade fsstore"
        raise ReadOnly(f"the settings of {tree.root} were not changed: {reason}.", reason=reason)
    return marker


def _change(tree: Tree, name: str, value: Any) -> bool:
    marker = _marker(tree)
    if marker.settings.get(name) is value:
        return False
    others = {each: found for each, found in marker.settings.items() if each != name}
    settings = others if value is None else {**others, name: value}
    document = {**values.decode(tree.read(layout.MARKER, _LIMIT)), "settings": settings}
    staged = tree.absolute(f"{layout.TMP}/{tree.new_name(_STRIPE)}")
    tree.stage(staged, values.encode(document), tree.stat(layout.MARKER), sync=True)
    os.rename(staged, tree.absolute(layout.MARKER))
    sync_files(tree, [layout.MARKER])
    return True
