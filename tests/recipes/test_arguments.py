"""The quick way to a key and `inspect` agree, whatever a function is called with."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsstore.recipes.arguments import Arguments, canonical, digest_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def none() -> None: ...
def plain(a: Any, b: Any) -> None: ...
def defaults(a: Any, b: Any = 1, c: Any = None) -> None: ...
def all_kinds(a: Any, /, b: Any, c: Any = 3, *, d: Any, e: Any = 5) -> None: ...
def any_number(a: Any, *b: Any, **c: Any) -> None: ...


FUNCTIONS: list[Callable[..., Any]] = [none, plain, defaults, all_kinds, any_number]


def by_inspect(fn: Callable[..., Any], args: Any, kwargs: Any) -> str | type[TypeError]:
    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError:
        return TypeError
    bound.apply_defaults()
    return digest_of(dict(bound.arguments), str)


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.integers(0, 3), max_size=4),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=4),
)
def test_it_is_bound_as_inspect_binds_it(fn: Callable[..., Any], args: list[int], kwargs: dict[str, int]) -> None:
    wanted = by_inspect(fn, args, kwargs)
    if isinstance(wanted, str):
        assert Arguments(fn, ()).digest(tuple(args), kwargs) == wanted
    else:
        with pytest.raises(TypeError):
            Arguments(fn, ()).digest(tuple(args), kwargs)


@given(JSON, JSON)
def test_two_values_have_one_form_if_they_are_the_same_json(a: Any, b: Any) -> None:
    assert (canonical(a) == canonical(b)) == (as_text(a) == as_text(b))
    assert json.loads(canonical(a)) == a


def as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"b": 1, "a": [True, None, 1.0, 1]}, '{"a":[true,null,1.0,1],"b":1}'),
        ({"€": 1, "\U0001f600": 2, "\ufb33": 3}, '{"€":1,"\ufb33":3,"\U0001f600":2}'),
        ((1, (2,)), "[1,[2]]"),
        ({"n": 2**70, "a": 1}, '{"a":1,"n":1180591620717411303424}'),
    ],
)
def test_the_form_is_that_of_every_version(value: Any, form: str) -> None:
    """Keys that were made once are found by each later program."""
    assert canonical(value).decode() == form


def test_the_digest_is_that_of_every_version() -> None:
    """BLAKE2b of ``{"a":1,"b":1,"c":null}``, as ``b2sum -l 128`` gives it."""
    assert Arguments(defaults, ()).digest((1,), {}) == "13152fcacd5d1211ec5bf339f795a648"
