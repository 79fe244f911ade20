"""An event as a line of a table: its columns in any width, and nothing that moves a cursor."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from fsstore.cli import events
from fsstore.cli.output import Output
from fsstore.errors import BadValue, SchemaViolation
from fsstore.events import Event, Kind
from fsstore.records import Author

AT = 1795704825.5
PERSON = Author(by_hand=True)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    monkeypatch.setenv("COLUMNS", "100")
    return Output()


def line(event: Event, output: Output) -> str:
    return events.line(event, output).rstrip()


def width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) == "Mn" for char in text)


def test_a_table(output: Output) -> None:
    broken = BadValue("key 'k' of namespace 'box' holds ...", reason="no", line=1, column=3)
    link = BadValue("key 'k' of namespace 'box' holds ...", reason="a link", line=None, column=None)
    wrong = SchemaViolation("key 'k' of namespace 'box' is not ...", json_path="$.n", reason="no number")
    assert [
        events.header(output).rstrip(),
        line(Event("created", "box", "k", {"a": [1, "é"]}, source=Author("planner", "r1"), at=AT), output),
        line(Event("updated", "box", "k", None, source=PERSON, at=AT), output),
        line(Event("deleted", "box", "k", at=AT), output),
        line(Event("invalid", "box", "k", source=PERSON, at=AT, error=broken), output),
        line(Event("invalid", "box", "k", source=PERSON, at=AT, error=link), output),
        line(Event("invalid", "box", "k", "x", source=PERSON, at=AT, error=wrong), output),
        line(Event("ready"), output),
        line(Event("resync"), output),
    ] == [
        "TIME (UTC)  WHO           KIND     NAMESPACE     KEY                       VALUE",
        '14:53:45    planner       created  box           k                         {"a":[1,"é"]}',
        "14:53:45    (by hand)     updated  box           k                         null",
        "14:53:45    -             deleted  box           k",
        "14:53:45    (by hand)     invalid  box           k                         line 1, column 3: no",
        "14:53:45    (by hand)     invalid  box           k                         a link",
        "14:53:45    (by hand)     invalid  box           k                         $.n: no number",
        "                          ready    that is all there was; what follows happens now",
        "                          resync   more was changed than could be told: read it anew",
    ]


@pytest.mark.parametrize("columns", [1, 5, 10, 24, 33, 39, 40, 60, 80, 100, 1000])
@pytest.mark.parametrize("value", ["x" * 5000, "日本" * 500, "a\u0301" * 500, "", ["é", {"n": 1.5}]])
def test_no_line_is_wider_than_the_terminal(columns: int, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for names in (("box", "k"), ("日本" * 50, "本日" * 50), ("n" * 200, "k\u0301" * 200)):
        event = Event("updated", *names, value, source=Author(names[0]), at=AT)
        for shown in (events.line(event, Output()), events.header(Output())):
            assert width(shown) <= columns
            assert "\n" not in shown


def test_a_wide_letter_moves_no_column(output: Output) -> None:
    plain, wide = (line(Event("updated", name, "k", 1, source=Author(name), at=AT), output) for name in ("ab", "日"))
    assert width(plain) == width(wide)


def test_nothing_moves_the_cursor(output: Output) -> None:
    evil = "\x1b[2J\x07\u202e\x9b\n"
    error = BadValue(evil, reason=evil, line=1, column=1)
    for kind, found in (("updated", None), ("invalid", error)):
        event = Event(kind, evil, evil, {evil: evil}, source=Author(evil), at=AT, error=found)  # type: ignore[arg-type]
        assert events.line(event, output).isprintable()


@pytest.mark.parametrize(
    ("kind", "colour"),
    [("created", 32), ("updated", 1), ("deleted", 31), ("invalid", 35), ("ready", 2), ("resync", 36)],
)
def test_each_kind_has_its_colour(kind: Kind, colour: int, output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_coloured", True)
    shown = events.line(Event(kind, "box", "k", 1, at=AT), output)
    assert f"\x1b[{colour}m  {kind}" in shown
    assert shown.count("\x1b") == 2
