"""The waiting for several keys, until all are there at once. It knows neither who writes them nor what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from fsstore.errors import WaitTimeout
from fsstore.steps import Deadline, Steps, Waiting

if TYPE_CHECKING:
    from fsstore.recipes.doors import Recipes
    from fsstore.records import Report

_SHOWN = 10


def all_there(space: Recipes, keys: Iterable[str], timeout: float | None) -> Steps[dict[str, Any]]:
    """Wait for each in turn, then read all in one view, and wait again if one is gone: see ``store.wait_all``."""
    wanted = keys if isinstance(keys, str) else list(dict.fromkeys(keys))
    deadline = Deadline(timeout)
    while True:
        found = space.get_many(wanted, errors="report")
        missing = [key for key in wanted if key not in found.values]
        if not missing:
            return {key: found.values[key] for key in wanted}
        for key in missing:
            try:
                yield arrival(space, key, None, deadline.left)
            except WaitTimeout as error:
                raise _timed_out(space, wanted, deadline.seconds) from error


def arrival(space: Recipes, key: str, predicate: Callable[[Any], object] | None, timeout: float | None) -> Waiting:
    """The waiting for one key, as ``wait_for`` does it."""
    return Waiting(lambda: space.wait_for(key, predicate, timeout), lambda: space.aio.wait_for(key, predicate, timeout))


def _timed_out(space: Recipes, wanted: Iterable[str], timeout: float) -> WaitTimeout:
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
