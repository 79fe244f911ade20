"""The waiting for several keys, until all are there at once. It knows neither who writes them nor what they hold."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fsstore.errors import WaitTimeout
from fsstore.steps import Steps, Waiting

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes
    from fsstore.records import Report

_SHOWN = 10


def all_there(space: Recipes, keys: Iterable[str], timeout: float | None) -> Steps[dict[str, Any]]:
    """Wait for each in turn, then read all in one view, and wait again if one is gone: see ``store.wait_all``."""
    wanted = keys if isinstance(keys, str) else list(dict.fromkeys(keys))
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        found = space.get_many(wanted, errors="report")
        missing = [key for key in wanted if key not in found.values]
        if not missing:
            return {key: found.values[key] for key in wanted}
        for key in missing:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                yield _arrival(space, key, left)
            except WaitTimeout as error:
                raise _timed_out(space, wanted, timeout) from error


def _arrival(space: Recipes, key: str, left: float | None) -> Waiting:
    return Waiting(lambda: space.wait_for(key, None, left), lambda: space.aio.wait_for(key, None, left))


def _timed_out(space: Recipes, wanted: Iterable[str], timeout: float | None) -> WaitTimeout:
    found: Report = space.get_many(wanted, errors="report")
    missing = [key for key in wanted if key not in found.values]
    shown = ", ".join(map(repr, missing[:_SHOWN])) + (f" and {len(missing) - _SHOWN} more" if missing[_SHOWN:] else "")
    bad = "".join(f" {error}" for error in list(found.errors.values())[:1])
    return WaitTimeout(
        f"of the keys of namespace {space.name!r} that were waited for, {shown or 'one'} had not come within "
        f"{timeout:g} s. Are their writers alive?{bad}",
        seconds=timeout,
        missing=missing,
    )
