"""What to say of a key that is not there: where else it is, and which ones are called nearly so. It changes nothing."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import time

from fsstore.cli import shellwords
from fsstore.cli.location import open_store
from fsstore.errors import NotFound, StoreError
from fsstore.store import Store

_NAMESPACES = 1000  # at most so many are looked in
_SECONDS = 0.5  # and for so long
_KEYS = 5000  # at most so many are compared
_NAMED = 3
_LIKE = 0.7  # of `difflib`: of two names of ten letters that share eight it says 0.8


def message(error: NotFound, args: argparse.Namespace) -> str:
    """The error in one line, with the way out that this store has."""
    told = f"no key {error.key!r} in {error.namespace!r}"
    with (
        contextlib.suppress(StoreError),
        open_store(args, read_only=True) as store,
    ):  # the first error is the one to tell
        elsewhere = _elsewhere(store, error)
        if elsewhere:
            return f"{told}; it exists in {_listed(elsewhere)}"
        near = _near(store, error)
        if near:
            return f"{told}; there is {_listed(near)}"
    named = "" if error.namespace == "default" else f" -n {shellwords.quote(error.namespace)}"
    return f"{told}; fsstore{named} ls shows those it has"


def _elsewhere(store: Store, error: NotFound) -> list[str]:
    """The namespaces that have it."""
    end = time.monotonic() + _SECONDS
    names = itertools.takewhile(lambda _: time.monotonic() < end, store.list_namespaces()[:_NAMESPACES])
    return [name for name in names if store.use_namespace(name).exists(error.key)]


def _near(store: Store, error: NotFound) -> list[str]:
    """The keys of the namespace with a name that one may have meant, the nearest first."""
    from difflib import get_close_matches

    keys = store.use_namespace(error.namespace).list_keys()
    if len(keys) > _KEYS:
        keys = [key for key in keys if key[:2] == error.key[:2]][:_KEYS]
    return get_close_matches(error.key, keys, _NAMED, _LIKE)


def _listed(names: list[str]) -> str:
    told = ", ".join(map(repr, names[:_NAMED]))
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"
