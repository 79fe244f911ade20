"""The verbs by which handles give recipes. What they do is done elsewhere, and imported when it is first wanted."""

from __future__ import annotations

from abc import ABC

from fsstore.coordinated import Coordinated


class Recipes(Coordinated, ABC):
    """What a handle of one namespace has: one line for each pattern that agents write by hand."""

    __slots__ = ()
