"""A hub with a flaw is found out, and one without is not."""

from __future__ import annotations

import pytest

from .courses import COURSES
from .flaws import FLAWS
from .scene import Scene


def test_each_flaw_has_its_course() -> None:
    assert FLAWS.keys() == COURSES.keys()


@pytest.mark.parametrize("flaw", COURSES)
def test_a_flaw_is_noticed(scene: Scene, flaw: str) -> None:
    assert COURSES[flaw](scene, flaw) != {}


@pytest.mark.parametrize("flaw", COURSES)
def test_without_the_flaw_nothing_is(scene: Scene, flaw: str) -> None:
    assert COURSES[flaw](scene, "") == {}
