"""A person who moves, removes and makes whole directories with programs that know nothing of fsstore."""

from __future__ import annotations

import os
import random
import shutil

from .people import Person


class Mover:
    """Somebody who tidies up, in one namespace of their own; what was moved out of the store may come back."""

    def __init__(self, root: str, number: int, outside: str) -> None:
        self._top = f"{root}/moved{number}"
        self._outside = outside
        self._person = Person(root, number)
        self._draw = random.Random(number)
        self._namespace = f"moved{number}"
        self._out: list[str] = []

    def moves(self, count: int) -> None:
        """So many times fill a directory, and move or remove one, or bring one back."""
        acts = (self._away, self._aside, self._remove, self._back, self._forget)
        for number in range(count):
            at = f"p{number % 7}"
            self._person.replace(self._namespace, f"{at}:x:one")
            self._person.replace(self._namespace, f"{at}:two")
            try:
                self._draw.choice(acts)(at, number)
            except OSError:
                continue  # it cannot be moved over one that is there

    def _away(self, at: str, number: int) -> None:
        to = f"{self._outside}/{self._namespace}-{number}"
        os.rename(f"{self._top}/{at}", to)
        self._out.append(to)

    def _aside(self, at: str, number: int) -> None:
        os.rename(f"{self._top}/{at}", f"{self._top}/q{number % 5}")

    def _remove(self, at: str, number: int) -> None:
        shutil.rmtree(f"{self._top}/{at}")

    def _back(self, at: str, number: int) -> None:
        if self._out:
            os.rename(self._out[-1], f"{self._top}/z{number % 5}")
            self._out.pop()

    def _forget(self, at: str, number: int) -> None:
        if self._out:
            shutil.rmtree(self._out.pop(0))
