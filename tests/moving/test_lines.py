"""The form of a line: what goes out comes in to the byte, and what says nothing is told with its column."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsstore import values
from fsstore.engine import Stored
from fsstore.moving.lines import Entry, Header, Ruling, header_line, key_line, read_line, rules_line
from fsstore.ops import MISSING
from fsstore.values import Malformed

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=6,
)
FORMATTED = st.builds(
    lambda value, indent, escaped: json.dumps(value, indent=indent, ensure_ascii=escaped).encode(),
    JSON,
    st.sampled_from([None, 1, 4, "\t"]),
    st.booleans(),
)
CONTENTS = st.one_of(JSON.map(values.encode), FORMATTED, st.binary(max_size=20))
METADATA = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), JSON, max_size=2)


def stored(raw: bytes, metadata: dict[str, Any] | None = None, expires: float | None = None) -> Stored:
    try:
        value = values.decode(raw)
    except Malformed:
        value = MISSING
    return Stored(raw, value, metadata or {}, expires)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), CONTENTS, METADATA)
def test_what_goes_out_comes_in_to_the_byte(name: str, raw: bytes, metadata: dict[str, Any]) -> None:
    line = key_line(name, name, stored(raw, metadata))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    found = read_line(line)
    assert found == Entry(name, name, raw, metadata, None)
    assert isinstance(found, Entry)
    assert values.encode(found.metadata) == values.encode(metadata)  # types and order, too
    assert key_line(name, name, stored(found.raw, found.metadata)) == line


@pytest.mark.parametrize("end", [0.0, 1.5, 1893456000.123456, 253402300799.0])
def test_an_end_comes_in_as_it_goes_out(end: float) -> None:
    line = key_line("n", "k", stored(b"1\n", None, end))
    found = read_line(line)
    assert isinstance(found, Entry)
    assert found.expires is not None
    assert math.isclose(found.expires, end, abs_tol=1e-6)
    assert key_line("n", "k", stored(b"1\n", None, found.expires)) == line


def test_an_end_without_a_zone_is_utc() -> None:
    found = read_line(b'{"key":"k","value":1,"expires":"1970-01-01T00:00:01"}')
    assert isinstance(found, Entry)
    assert found.expires == 1.0


def test_values_nested_as_deep_as_can_be() -> None:
    raw = b"[" * values.MAX_DEPTH + b"]" * values.MAX_DEPTH
    assert read_line(key_line("n", "k", stored(raw))) == Entry("n", "k", raw, {}, None)


def test_the_other_lines() -> None:
    for header in (Header(), Header("n"), Header("n:é", "p"), Header(None, "p")):
        assert read_line(header_line(header)) == header
    assert read_line(rules_line("n", {"ttl": 5, "schema": {"minimum": 10**30}})) == Ruling(
        "n", {"ttl": 5, "schema": {"minimum": 10**30}}
    )


def test_a_line_of_our_own_form_names_its_value_alone() -> None:
    assert key_line("n", "k", stored(b'{\n  "a": 1\n}\n')) == b'{"namespace":"n","key":"k","value":{"a":1}}\n'
    assert key_line("n", "k", stored(b"{}")) == b'{"namespace":"n","key":"k","value":{},"raw":"{}"}\n'
    assert key_line("n", "k", stored(b"{")) == b'{"namespace":"n","key":"k","raw":"{"}\n'
    assert key_line("n", "k", stored(b"\xff")) == b'{"namespace":"n","key":"k","base64":"/w=="}\n'


def test_a_person_may_write_a_line_in_any_way_that_is_json() -> None:
    line = b' { "value" : [1, 1e2, 123456789012345678901] ,\t"key" : "k" } \r\n'
    assert read_line(line) == Entry(None, "k", values.encode([1, 100.0, 123456789012345678901]), {}, None)


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        ('{"key":"k","value":[1,}', "Expecting value", 23),
        ('{"key":"é","value":tru', "Expecting value", 20),
        ('{"key":"k","value":"x', "Unterminated string", 20),
        ('{"key":"k","value":[1', "ends in the middle of a value", 22),
        ('{"key":"k","value":1} {"key":"l","value":1}', "Extra data", 23),
        ('{"key":"k","key":"l","value":1}', "two members named 'key'", None),
        ('{"key":"k","value":{"a":1,"a":2}}', "two members named 'a'", None),
        ('{"key":"k","value":NaN}', "NaN has no JSON form", None),
        ('{"key":"k","value":1e999}', "inf has no JSON form", None),
        ('{"key":"k","value":"\\ud800"}', "lone surrogate", None),
        ('{"key":"\\ud800","value":1}', "surrogate", None),
        ('{"namespace":"","key":"k","value":1}', "namespace", None),
        ('{"key":5,"value":1}', '"key" is a string; not 5', None),
        ('{"value":1}', 'it has no "key"', None),
        ('{"key":"k"}', 'it needs a "value"', None),
        ('{"key":"k","raw":"1","base64":"MQ=="}', 'it needs a "value"', None),
        ('{"key":"k","base64":"?"}', '"base64" is none', None),
        ('{"key":"k","value":1,"raw":"2"}', "say different things", None),
        ('{"key":"k","value":1,"raw":"{"}', "say different things", None),
        ('{"key":"k","value":1,"metadata":[1]}', '"metadata" is an object; not [1]', None),
        ('{"key":"k","value":1,"expires":5}', '"expires" is a string; not 5', None),
        ('{"key":"k","value":1,"expires":"soon"}', '"expires" should read like', None),
        ('{"key":"k","value":1,"meta":{}}', "a member 'meta'", None),
        ('{"namespace":"n","rules":{},"key":"k"}', "a member 'key'", None),
        ('{"namespace":"n","rules":[]}', '"rules" is an object', None),
        ('{"fsstore":"export","version":2}', "newer", None),
        ('{"fsstore":"export","version":true}', "no first line", None),
        ('{"fsstore":"export"}', "no first line", None),
        ('{"fsstore":"other","version":1}', "no first line", None),
        ('{"end":{"keys":"1"}}', "no last line", None),
        ('{"end":{"keys":1},"key":"k","value":1}', "no last line", None),
        ('{"end":1}', "no last line", None),
        ('{"key":"k","raw":"\\ud800"}', '"raw" holds a lone surrogate at position 0', None),
        ("[1]", "it is no JSON object", None),
        ("[" * 100_000, "nested deeper", None),
        ('{"key":"k","value":' + "[" * 255 + "]" * 255 + "}", "nested deeper", None),
    ],
)
def test_what_says_nothing_is_told(line: str, reason: str, column: int | None) -> None:
    with pytest.raises(Malformed) as caught:
        read_line(line.encode())
    assert reason in caught.value.reason
    assert caught.value.column == column


def test_what_is_no_text_is_told_with_its_column() -> None:
    with pytest.raises(Malformed) as caught:
        read_line('{"é":"'.encode() + b"\xff")
    assert (caught.value.column, "invalid UTF-8" in caught.value.reason) == (7, True)
