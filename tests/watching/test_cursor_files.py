"""The format of what a watcher has handled: what goes in comes out, and a cut or damaged file is known as such."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsstore import DamagedCursor, cursors
from fsstore.events import Told

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MARKS = st.binary(min_size=20, max_size=20) | st.binary(min_size=44, max_size=44) | st.binary(min_size=1, max_size=70)
TOLD = st.dictionaries(NAMES, st.dictionaries(NAMES, MARKS, max_size=6), max_size=3)
EXAMPLE: Told = {"a": {"k": b"x" * 20, "l": b"y" * 44, "m": b"z" * 20}, "ü\n": {"": b"\0" * 20}}


def without_empty(told: Told) -> Told:
    return {namespace: marks for namespace, marks in told.items() if marks}


@settings(max_examples=200, deadline=None)
@given(TOLD, st.none() | NAMES)
def test_what_goes_in_comes_out(told: Told, store: str | None) -> None:
    raw = cursors.encode(told, store)
    saved = cursors.decode(raw, "file", store)
    assert saved.told is not None
    assert without_empty(saved.told) == without_empty(told)
    assert (saved.store, saved.appended, saved.size) == (store, 0, len(raw))


@settings(max_examples=200, deadline=None)
@given(TOLD, st.lists(st.tuples(NAMES, NAMES, MARKS | st.just(b"")), max_size=10))
def test_lines_of_single_keys_are_taken_in(told: Told, notes: list[tuple[str, str, bytes]]) -> None:
    raw = cursors.encode(told, None) + b"".join(cursors.encode_note(*note) for note in notes)
    for namespace, key, mark in notes:
        if mark:
            told.setdefault(namespace, {})[key] = mark
        else:
            told.get(namespace, {}).pop(key, None)
    saved = cursors.decode(raw, "file", None)
    assert saved.told is not None
    assert without_empty(saved.told) == without_empty(told)
    assert (saved.appended, saved.size) == (len(notes), len(raw))


def test_of_a_file_that_ends_anywhere_the_whole_lines_count() -> None:
    base = cursors.encode(EXAMPLE, "id")
    note = cursors.encode_note("a", "k", b"w" * 20)
    for end in range(len(note)):
        saved = cursors.decode(base + note[:end], "file", "id")
        assert saved.told == EXAMPLE
        assert (saved.appended, saved.size) == (0, len(base))


@pytest.mark.parametrize("rest", [b"\0" * 4096, b"\0\n\0\n", b"[1\n", b"garb\nage\n", b'["a","k"]\n', b"\xff\n\n\n"])
def test_what_a_power_cut_leaves_at_the_end_is_cut_off(rest: bytes) -> None:
    base = cursors.encode(EXAMPLE, "id") + cursors.encode_note("a", "k", b"w" * 20)
    saved = cursors.decode(base + rest, "file", "id")
    assert saved.told is not None
    assert saved.told["a"]["k"] == b"w" * 20
    assert saved.size == len(base)


LINE = cursors.encode_note("a", "k", b"w" * 20)
HEAD = b'{"format":1,"store":null}\n'
DAMAGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "first line"),
    "a first line that is cut off": (HEAD[:-1], "first line"),
    "an empty line": (b"\n", "first line"),
    "another file": (b"hello\n", "first line"),
    "another object": (b"{}\n", "first line"),
    "a list": (b"[]\n", "first line"),
    "a number": (b"1\n", "first line"),
    "an id that is none": (b'{"format":1,"store":7}\n', "first line"),
    "a later format": (b'{"format":2,"store":null}\n', "format is 2"),
    "garbage in the middle": (HEAD + b"garbage\n" + LINE, "line 2"),
    "zeros in the middle": (HEAD + LINE + b"\0\0\0\n" + LINE, "line 3"),
    "a mark that is none": (HEAD + b'["a","k","xyz"]\n' + LINE, "line 2"),
    "a key that is none": (HEAD + b'["a",7,"00"]\n' + LINE, "line 2"),
    "too few marks": (HEAD + b'["a",2,["k","l"],"0000"]\n' + LINE, "line 2"),
    "five members": (HEAD + b"[1,2,3,4,5]\n" + LINE, "line 2"),
    "a number of lines that is none": (b'{"format":1,"store":null,"lines":"2"}\n', "first line"),
    "no list": (HEAD + b"7\n" + LINE, "line 2"),
}


@pytest.mark.parametrize(("raw", "why"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_says_where(raw: bytes, why: str) -> None:
    with pytest.raises(DamagedCursor, match=why) as caught:
        cursors.decode(raw, "some/file", None)
    assert caught.value.path == "some/file"
    assert "some/file" in str(caught.value)
    assert caught.value.reason


def test_a_file_of_which_a_part_was_copied_is_damaged() -> None:
    """What is missing would be told as new, and what was deleted of it not at all."""
    base = cursors.encode(EXAMPLE, "id")
    for end in range(base.index(b"\n") + 1, len(base)):
        with pytest.raises(DamagedCursor, match="of the 3 lines"):
            cursors.decode(base[:end], "file", "id")


def test_that_nothing_is_known_is_said_too() -> None:
    saved = cursors.decode(cursors.encode(None, "id"), "file", "id")
    assert saved.told is None


def test_the_store_counts_where_both_have_an_id() -> None:
    raw = cursors.encode(EXAMPLE, "one")
    assert cursors.decode(raw, "file", None).told == EXAMPLE
    assert cursors.decode(cursors.encode(EXAMPLE, None), "file", "one").told == EXAMPLE
    with pytest.raises(DamagedCursor, match="another store"):
        cursors.decode(raw, "file", "two")


def test_it_is_lines_of_json() -> None:
    lines = [json.loads(line) for line in cursors.encode(EXAMPLE, "id").splitlines()]
    assert lines[0] == {"format": 1, "store": "id", "lines": 3}
    assert lines[1] == ["a", 20, ["k", "m"], (b"x" * 20 + b"z" * 20).hex()]
    assert len(lines) == 4
