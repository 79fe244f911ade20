"""What all tests are run with."""

from __future__ import annotations

from hypothesis import settings


def test_no_example_has_a_time_by_which_it_must_be_done() -> None:
    """A machine may stand still in any of them."""
    assert settings().deadline is None
    assert settings(max_examples=1).deadline is None
