"""``mapping()``: CPython's own tests of a mapping, run on either engine, and what they do not ask."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import MutableMapping
from typing import Any

import pytest

from fsstore import NotFound, Store, UnsupportedType

try:
    _CPYTHON: Any = importlib.import_module("test.mapping_tests")
except ImportError:
    _CPYTHON = None
_METHODS = [name for name in dir(getattr(_CPYTHON, "BasicTestMappingProtocol", None)) if name.startswith("test_")]


@pytest.mark.parametrize("method", _METHODS or ["test_read"])
def test_the_mapping_protocol_of_cpython(store: Store, method: str) -> None:
    if _CPYTHON is None:
        reason = "this Python came without its test package; on Debian: apt-get install libpython3-testsuite"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    serial = itertools.count()

    class Case(_CPYTHON.BasicTestMappingProtocol):  # type: ignore[misc]
        def _reference(self) -> dict[str, Any]:
            return {"1": "2", "key1": "value1", "key2": 3.5}  # CPython's has a tuple, which comes back as a list

        def _empty_mapping(self) -> MutableMapping[str, Any]:
            return store.use_namespace(f"mapping:{next(serial)}").mapping()

    Case(method).debug()


def test_all_of_the_protocol_is_run() -> None:
    assert _CPYTHON is None or len(_METHODS) >= 13


def test_a_mapping_is_a_live_view(store: Store) -> None:
    view = store.mapping()
    store.set_many({"b": [1], "a": None})
    assert isinstance(view, MutableMapping)
    assert list(view) == ["a", "b"]
    assert view == {"a": None, "b": [1]}
    assert repr(view) == "{'a': None, 'b': [1]}"
    view["c:d"] = {"x": 1}
    assert store.get("c:d") == {"x": 1}
    assert len(view) == store.count() == 3
    view.clear()
    assert not view
    assert store.list_namespaces() == []


def test_a_mapping_refuses_what_the_store_refuses(store: Store) -> None:
    view: Any = store.mapping()
    with pytest.raises(UnsupportedType):
        view["k"] = {1}
    with pytest.raises(NotFound):
        del view["k"]
    assert 7 not in view
    assert view.get("k", "default") == "default"


def test_a_value_taken_from_a_mapping_is_a_copy(store: Store) -> None:
    view = store.mapping()
    view["k"] = [1]
    view["k"].append(2)
    view.setdefault("k", []).append(3)
    assert view["k"] == [1]


def test_pop_tells_a_stored_none_from_nothing(store: Store) -> None:
    view = store.mapping()
    view["k"] = None
    assert view.pop("k", "default") is None
    assert view.pop("k", "default") == "default"
