"""An order of several parties' steps that is always the same: the act of one is put between two steps of another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

Act = Callable[[], object]


def elsewhere(act: Act) -> Act:
    """The act, in another thread, to its end: what this one has locked is locked for it."""

    def acting() -> object:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(act).result(20)

    return acting


def once(act: Act) -> Act:
    """The act, when it is asked for the first time; later, and within it, nothing."""
    left = [act]

    def acting() -> None:
        if left:
            left.pop()()

    return acting


def after(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Act, when: Callable[..., bool] | None = None
) -> None:
    """Once, right after a function has done its part, the act."""
    real, acting = getattr(owner, name), once(act)

    def then(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        if when is None or when(*args, **kwargs):
            acting()
        return found

    monkeypatch.setattr(owner, name, then)


def after_any(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Act) -> None:
    """The same, whether the function does its part or fails."""
    real, acting = getattr(owner, name), once(act)

    def then(*args: Any, **kwargs: Any) -> Any:
        try:
            return real(*args, **kwargs)
        finally:
            acting()

    monkeypatch.setattr(owner, name, then)


def before(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Act, when: Callable[..., bool] | None = None
) -> None:
    """Once, right before a function does its part, the act."""
    real, acting = getattr(owner, name), once(act)

    def then(*args: Any, **kwargs: Any) -> Any:
        if when is None or when(*args, **kwargs):
            acting()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, then)
