"""Values and bytes: the form on disk, the way back, and a plain word for every file that holds no value."""

from __future__ import annotations

import json
import math
import subprocess
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsstore.revisions import revision
from fsstore.values import MAX_DEPTH, Malformed, decode, encode, same

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
whole = (
    st.integers() | st.integers(min_value=-(10**40), max_value=10**40) | st.sampled_from([2**63, 2**64, -(2**63) - 1])
)
scalars = st.none() | st.booleans() | whole | text
with_floats = scalars | st.floats(allow_nan=False, allow_infinity=False)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda below: st.lists(below, max_size=5) | st.dictionaries(text, below, max_size=5), max_leaves=25
    )


# -- there and back --------------------------------------------------------------------------------


def test_the_form_is_what_a_person_would_type() -> None:
    value = {"name": "é 😀", "tags": ["a", "b"], "empty": [{}, []], "n": [1, -2.5, True, None], "big": 2**64 - 1}
    assert encode(value).decode() == (
        '{\n  "name": "é 😀",\n  "tags": [\n    "a",\n    "b"\n  ],\n  "empty": [\n    {},\n    []\n  ],\n'
        '  "n": [\n    1,\n    -2.5,\n    true,\n    null\n  ],\n  "big": 18446744073709551615\n}\n'
    )


@settings(max_examples=300, deadline=None)
@given(trees(with_floats))
@example([None, {"a": None}])
@example({"a": [1.5, 2**200, -0.0, "\u2028"]})
def test_any_value_comes_back_exactly(value: Any) -> None:
    raw = encode(value)
    assert raw.endswith(b"\n")
    assert not raw.endswith(b"\n\n")
    assert repr(decode(raw)) == repr(value)
    assert encode(decode(raw)) == raw
    assert repr(json.loads(raw)) == repr(value)


@settings(max_examples=200, deadline=None)
@given(trees(scalars))
def test_the_form_is_that_of_the_standard_library(value: Any) -> None:
    assert encode(value).decode() == json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@settings(max_examples=200, deadline=None)
@given(trees(with_floats), st.sampled_from([None, 1, "\t"]), st.booleans())
@example([1e22, 10**30], None, True)
def test_formatting_does_not_make_a_value_another(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    by_hand = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert repr(decode(by_hand)) == repr(value)
    assert same(by_hand, encode(value)) is True
    assert same(b"\r\n" + by_hand.replace(b"\n", b"\r\n"), encode(value)) is True
    assert same(b"\xef\xbb\xbf" + by_hand, encode(value)) is True


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (b"1", 1.0),
        (b"1", True),
        (b"1.0", 1),
        (b"0.0", -0.0),
        (b'"1"', 1),
        (b"[]", {}),
        (b"null", False),
        (b'{"b": 1, "a": 2}', {"a": 2, "b": 1}),
        (b"1e30", 10**30),
        (b'{"a": 1, "a": 1}', {"a": 1}),
        (b"[1", [1]),
        (b"", None),
        (b"\xff", "\xff"),
    ],
)
def test_other_values_are_not_the_same(stored: bytes, value: Any) -> None:
    assert same(stored, encode(value)) is False


@settings(max_examples=300, deadline=None)
@given(trees(with_floats), trees(with_floats))
def test_same_means_the_same_representation(one: Any, other: Any) -> None:
    assert same(json.dumps(one).encode(), encode(other)) is (repr(one) == repr(other))


@pytest.mark.parametrize("raw", [b"", b"1\n", encode({"é": [1, "😀"]}), b"x" * 100_000, bytes(range(256))])
def test_a_revision_is_gits_name_for_the_bytes(raw: bytes) -> None:
    done = subprocess.run(["git", "hash-object", "--stdin"], input=raw, capture_output=True, check=True)
    assert revision(raw) == done.stdout.decode().strip()


# -- files written by hand -------------------------------------------------------------------------

READABLE: list[tuple[bytes, Any]] = [
    (b"\xef\xbb\xbf" + b'{"a": 1}\n', {"a": 1}),
    (b"  \r\n\t1 \n\n", 1),
    (b'{"b":1,"a":[2,3]}', {"b": 1, "a": [2, 3]}),
    (b"1" + b"0" * 30, 10**30),
    (b"[-1" + b"0" * 400 + b"]", [-(10**400)]),
    (b"1" * 4300, int("1" * 4300)),
    (b"[1E5, 1e+2, 1.50, -0, -0.0, 1e-400]", [100000.0, 100.0, 1.5, 0, -0.0, 0.0]),
    (b'["\\u00e9\\ud83d\\ude00\\/\\b\\u0000"]', ["é😀/\b\x00"]),
    ('["\u2028\x7f"]'.encode(), ["\u2028\x7f"]),
    (b'[{"a": 1}, {"a": 2}, {"a": {"a": "a"}}]', [{"a": 1}, {"a": 2}, {"a": {"a": "a"}}]),
    (b'"<<<<<<< HEAD"', "<<<<<<< HEAD"),
    (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
]


@pytest.mark.parametrize(("raw", "value"), READABLE, ids=lambda each: repr(each)[:25])
def test_what_a_person_may_write(raw: bytes, value: Any) -> None:
    assert repr(decode(raw)) == repr(value)


NO_VALUE = "unexpected character, expected a JSON value"
NO_NAME = "unexpected character, expected a string key"
ENDS = "the file ends in the middle of a value"
AFTER = "unexpected content after document"
CONTROL = "unexpected control character in string"
INFINITE = "number is infinity when parsed as double"
MALFORMED: dict[str, tuple[bytes, str, int | None, int | None]] = {
    "empty": (b"", "the file is empty", None, None),
    "white space only": (b" \n\t\r\n", "the file is empty", None, None),
    "a BOM alone": (b"\xef\xbb\xbf", "the file is empty", None, None),
    "behind a BOM": (b'\xef\xbb\xbf{"a": }', NO_VALUE, 1, 7),
    "truncated array": (b'{"a": [1, 2', ENDS, 1, 12),
    "truncated string": (b'{\n  "a": "hel', ENDS, 2, 12),
    "truncated escape": (b'["\\u00', ENDS, 1, 7),
    "truncated literal": (b"[tru", ENDS, 1, 5),
    "truncated after a colon": (b'{"a":\n', ENDS, 2, 1),
    "truncated in a character": (b'["\xc3', "invalid UTF-8 (unexpected end of data)", 1, 3),
    "conflict": (b'{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> b\n}\n', "git conflict markers", 2, 1),
    "conflict of the whole file": (b"<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n", "git conflict markers", 1, 1),
    "conflict far down": (b'{\n  "a": 1,\n<<<<<<< ours\n  "b": 1\n=======\n', "git conflict markers", 3, 1),
    "no UTF-8": (b'{"a": "\xff"}', "invalid UTF-8 (invalid start byte)", 1, 8),
    "Latin-1": ('{"name":\n "é"}'.encode("latin-1"), "invalid UTF-8 (invalid continuation byte)", 2, 3),
    "overlong UTF-8": (b'["\xc0\xaf"]', "invalid UTF-8 (invalid start byte)", 1, 3),
    "surrogate in UTF-8": (b'["\xed\xa0\x80"]', "invalid UTF-8 (invalid continuation byte)", 1, 3),
    "UTF-16 with a BOM": ('{"a": 1}'.encode("utf-16"), "invalid UTF-8 (invalid start byte)", 1, 1),
    "UTF-16 little endian": ('{"a": 1}'.encode("utf-16-le"), NO_NAME, 1, 2),
    "UTF-16 big endian": ('{"a": 1}'.encode("utf-16-be"), NO_VALUE, 1, 1),
    "NUL bytes": (b"\0" * 4096, NO_VALUE, 1, 1),
    "NUL bytes behind": (b'{"a": 1}\n\0\0\0', AFTER, 2, 1),
    "NUL in a string": (b'["a\0b"]', CONTROL, 1, 4),
    "tab in a string": (b'["a\tb"]', CONTROL, 1, 4),
    "line end in a string": (b'{\n  "a": "x\n"}', CONTROL, 2, 10),
    "lone high surrogate": (b'["\\ud800"]', "no low surrogate in string", 1, 3),
    "lone low surrogate": (b'["ab\\udc00"]', "invalid high surrogate in string", 1, 5),
    "bad escape": (b'["\\x41"]', "invalid escaped sequence in string", 1, 3),
    "NaN": (b'{"a": NaN}', NO_VALUE, 1, 7),
    "Infinity": (b"[\n  Infinity\n]", NO_VALUE, 2, 3),
    "minus Infinity": (b"[-Infinity]", "no digit after sign", 1, 3),
    "1e400": (b'{"a":\n 1e400}', INFINITE, 2, 2),
    "-1e400 behind other characters": ('["é", -1e400]'.encode(), INFINITE, 1, 7),
    "400 digits and a fraction": (b"1" * 400 + b".5", INFINITE, 1, 1),
    "400 digits and an exponent": (b"1" * 400 + b"e5", INFINITE, 1, 1),
    "leading zero": (b"[1, 01]", "number with leading zero is not allowed", 1, 5),
    "no digit after the point": (b"[1.]", "no digit after decimal point", 1, 4),
    "hexadecimal": (b"[0x10]", "unexpected character, expected ',' or ']'", 1, 3),
    "duplicate member": (b'{"a": 1, "a": 1}', "two members named 'a'", 1, 10),
    "duplicate nested": (
        b'{"d": 0, "x": [{"b": 1},\n {"c": {"d": 1,\n   "d": 2}}]}',
        *("two members named 'd'", 3, 4),
    ),
    "duplicate in disguise": (b'{"a": 1,\n "\\u0061": 2}', "two members named 'a'", 2, 2),
    "duplicate behind braces in strings": (b'{"x": "{\\"b\\": [", "b": 1, "b": 2}', "two members named 'b'", 1, 28),
    "duplicate beside a big integer": (b'{"n": 1%s, "n": 2}' % (b"0" * 400), "two members named 'n'", 1, 410),
    "trailing comma in an array": (b"[1, 2, ]", "trailing comma is not allowed", 1, 6),
    "trailing comma in an object": (b'{\n  "a": 1,\n}', "trailing comma is not allowed", 2, 9),
    "line comment": (b'{\n  // why\n  "a": 1}', NO_NAME, 2, 3),
    "block comment": (b"[/* why */ 1]", NO_VALUE, 1, 2),
    "single quotes": (b"{'a': 1}", NO_NAME, 1, 2),
    "bare name": (b"{a: 1}", NO_NAME, 1, 2),
    "number as a name": (b"{1: 2}", NO_NAME, 1, 2),
    "Python's words": (b"[True, None]", NO_VALUE, 1, 2),
    "plain text": (b"hello\n", NO_VALUE, 1, 1),
    "YAML": (b"a: 1\nb: 2\n", NO_VALUE, 1, 1),
    "two documents": (b'{"a": 1}\n{"a": 2}\n', AFTER, 2, 1),
    "one bracket too many": (b"[1]]", AFTER, 1, 4),
    "no comma in an array": (b"[1 2]", "unexpected character, expected ',' or ']'", 1, 4),
    "no comma in an object": (b'{"a": 1 "b": 2}', "unexpected character, expected ',' or '}'", 1, 9),
    "no colon": (b'{"a" 1}', "unexpected character, expected ':' after key", 1, 6),
    "behind wide characters": ('{"é": 1,\r\n "日本😀": x}'.encode(), NO_VALUE, 2, 9),
    "no-break space": ("[\u00a01]".encode(), NO_VALUE, 1, 2),
    "too deep": (b"[" * 300 + b"]" * 300, "nested deeper than 254 levels, or a number out of range", None, None),
    "far too deep": (b"[" * 100_000, "depth limit exceeded", 1, 1026),
}


@pytest.mark.parametrize(("raw", "reason", "line", "column"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_value_says_what_and_where(raw: bytes, reason: str, line: int | None, column: int | None) -> None:
    with pytest.raises(Malformed) as caught:
        decode(raw)
    assert (caught.value.reason, caught.value.line, caught.value.column) == (reason, line, column)
    assert str(caught.value) == reason


def test_byte_order_marks_without_end_are_malformed() -> None:
    with pytest.raises(Malformed):
        decode(b"\xef\xbb\xbf" * 20_000 + b"1")


def test_more_digits_than_python_reads_are_malformed() -> None:
    with pytest.raises(Malformed, match=r"Exceeds the limit \(4300 digits\)"):
        decode(b"[1" + b"0" * 5000 + b"]")


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 300, 1023])
@pytest.mark.parametrize(("left", "right"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("innermost", [b"1", b"[]", b"{}"])
def test_what_could_not_be_written_is_not_read_either(left: bytes, right: bytes, levels: int, innermost: bytes) -> None:
    outer = levels if innermost == b"1" else levels - 1
    with pytest.raises(Malformed, match="nested deeper than 254 levels"):
        decode(left * outer + innermost + right * outer)


# -- any bytes -------------------------------------------------------------------------------------


def readable(raw: bytes) -> Any:
    """The value as the standard library sees it, with its leniencies taken out; raises ValueError."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    def number(digits: str) -> float:
        if math.isinf(float(digits)):
            raise ValueError(digits)
        return float(digits)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate")
        return dict(pairs)

    value = json.loads(raw.decode("utf-8-sig"), parse_constant=refuse, parse_float=number, object_pairs_hook=members)
    json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    return value


fragments = st.sampled_from(
    [*'{}[],:"\\ \n', '"a"', '"a":', "1", "-", "0", ".5", "e9", "1e999", "true", "null", "NaN", "é"]
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(fragments, max_size=12).map("".join))
@example('{"a":{"a":1,"a":1}}')
@example('"\\ud800"')
def test_exactly_the_values_are_read(source: str) -> None:
    raw = source.encode()
    try:
        expected = readable(raw)
    except ValueError:
        with pytest.raises(Malformed):
            decode(raw)
    else:
        assert repr(decode(raw)) == repr(expected)


@settings(max_examples=300, deadline=None)
@given(trees(with_floats), st.integers(min_value=0), st.binary(max_size=3))
def test_a_damaged_file_is_read_or_called_malformed(value: Any, position: int, damage: bytes) -> None:
    raw = bytearray(encode(value))
    at = position % len(raw)
    raw[at : at + len(damage)] = damage
    try:
        expected = readable(bytes(raw))
    except ValueError:
        with pytest.raises(Malformed):
            decode(bytes(raw))
    else:
        assert repr(decode(bytes(raw))) == repr(expected)


def test_an_example_may_take_as_long_as_the_machine_likes() -> None:
    """By itself hypothesis allows each 0.2 seconds of real time."""
    assert settings().deadline is None
