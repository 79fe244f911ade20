"""When a terminal gets colours."""

from __future__ import annotations

import pytest

from fsstore.cli import colours


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_who_gets_them(environment: dict[str, str], wanted: bool) -> None:
    assert colours.wanted(environment) is wanted


def test_nothing_is_painted_on_nothing() -> None:
    assert colours.paint("", colours.COMMIT) == ""
    assert colours.paint("a", colours.REMOVED) == "\x1b[31ma\x1b[m"
