"""Lines of text in values, by regular expression."""

from __future__ import annotations

import re

import pytest

from fsstore import InvalidValue, Match, Store, UnsupportedType


def test_lines_with_their_places(store: Store) -> None:
    store.set_many(
        {
            "b": {
                "text": "one\ntwo three\r\nfour",
                "list": ["x", {"odd name": "two"}],
                "n": 22,
                "yes": True,
                "no": None,
            },
            "a": "two",
            "c": {"two": 1},
        }
    )
    assert store.grep("two").hits == [
        Match("a", "$", "two"),
        Match("b", "$.text", "two three"),
        Match("b", '$.list[1]["odd name"]', "two"),
    ]
    assert store.grep("^22$").hits == [Match("b", "$.n", "22")]
    assert [match.path for match in store.grep("^(true|null)$")] == ["$.yes", "$.no"]
    assert [match.line for match in store.grep("TWO T", ignore_case=True)] == ["two three"]
    assert [match.line for match in store.grep(re.compile("TWO T", re.IGNORECASE))] == ["two three"]
    assert store.grep("nowhere").hits == []
    assert [match.key for match in store.grep("two", prefix="b")] == ["b", "b"]


def test_an_answer_that_is_cut_goes_on_within_a_value(store: Store) -> None:
    store.set_many({f"k:{number}": "\n".join(f"x{number}{line}" for line in range(number)) for number in range(6)})
    right = store.grep("x", limit=None).hits
    assert len(right) == 15
    for limit in (1, 2, 3, 5, 14, 15):
        got: list[Match] = []
        after: str | None = None
        while True:
            found = store.grep("x", limit=limit, after=after)
            assert len(found) <= limit
            got += found.hits
            assert found.cut is (len(got) < 15)
            after = found.after
            if after is None:
                break
        assert got == right


def test_it_goes_on_where_the_key_is_gone(store: Store) -> None:
    store.set_many({"a": "x\nx", "b": "x"})
    found = store.grep("x", limit=1)
    store.delete("a")
    assert [match.key for match in store.grep("x", after=found.after)] == ["b"]


def test_a_pattern_that_is_none(store: Store) -> None:
    with pytest.raises(InvalidValue, match=r"'a\(b' is no regular expression: missing \), .* at character 1"):
        store.grep("a(b")
    with pytest.raises(UnsupportedType):
        store.grep(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="nothing that grep"):
        store.grep("a", after="key")
