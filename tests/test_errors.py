"""The error tree: the drawing in the docstring is the truth, and every error travels whole between processes."""

from __future__ import annotations

import builtins
import copy
import errno
import pickle
import re
from typing import Any

import pytest

import fsstore
from fsstore import errors
from fsstore.engines.files import failures
from fsstore.errors import StoreError

assert errors.__doc__ is not None
DRAWN: dict[str, tuple[str, str]] = {
    name: (builtin, why) for name, builtin, why in re.findall(r"[├└]── (\w+) +(\w+) +(.+)", errors.__doc__)
}
CLASSES: dict[str, type[StoreError]] = {
    name: each
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, StoreError) and each.__module__ == errors.__name__
}
LEAVES = [each for each in CLASSES.values() if each is not StoreError]
SAMPLES: dict[str, Any] = {
    "values": {"a": [1]},
    "errors": {"b": errors.NotFound("no b", namespace="n", key="b")},
    "line": 3,
    "column": None,
    "size": 70_000_000,
    "limit": 67_108_864,
    "seconds": 1.5,
    "actual": None,
}


def sample(kind: type[StoreError]) -> StoreError:
    """An error of that kind with all its fields."""
    fields = {name: SAMPLES.get(name, f"the {name}") for name in kind.__annotations__}
    return kind(f"what went wrong, and the way out of {kind.__name__}", **fields)


def test_the_drawing_and_the_classes_are_the_same() -> None:
    exceptions = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert set(exceptions) == set(CLASSES.values())
    assert set(DRAWN) == set(CLASSES) - {"StoreError"}
    assert len(DRAWN) >= 29


def test_the_drawing_ends_where_it_ends() -> None:
    assert errors.__doc__ is not None
    lines = [line for line in errors.__doc__.splitlines() if "──" in line]
    assert len(lines) == len(DRAWN)
    assert [line.lstrip()[0] for line in lines] == ["├"] * (len(lines) - 1) + ["└"]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_each_class_has_the_parents_that_are_drawn(kind: type[StoreError]) -> None:
    builtin = getattr(builtins, DRAWN[kind.__name__][0])
    assert kind.__bases__ == (StoreError, builtin)
    assert issubclass(builtin, Exception)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_each_is_caught_by_its_builtin_and_by_the_root(kind: type[StoreError]) -> None:
    with pytest.raises(getattr(builtins, DRAWN[kind.__name__][0])):
        raise sample(kind)
    with pytest.raises(StoreError):
        raise sample(kind)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES.keys())
def test_the_message_is_what_is_shown(kind: type[StoreError]) -> None:
    error = sample(kind)
    assert str(error) == f"what went wrong, and the way out of {kind.__name__}"
    assert error.args == (str(error),)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES.keys())
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_each_pickles_with_its_fields(kind: type[StoreError], protocol: int) -> None:
    error = sample(kind)
    twin = pickle.loads(pickle.dumps(error, protocol))
    assert type(twin) is kind
    assert str(twin) == str(error)
    for name in kind.__annotations__:
        assert repr(getattr(twin, name)) == repr(getattr(error, name))
        assert getattr(error, name) == SAMPLES.get(name, f"the {name}")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.DiskFull),
        (errno.EDQUOT, errors.DiskFull),
        (errno.EACCES, errors.AccessDenied),
        (errno.EPERM, errors.AccessDenied),
        (errno.EROFS, errors.ReadOnly),
        (errno.EIO, errors.StorageFailure),
    ],
)
def test_what_the_operating_system_says_travels_whole(number: int, kind: type[StoreError]) -> None:
    error = failures.other(OSError(number, "x"), "/some/path")
    assert type(error) is kind
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(twin, OSError)
        assert twin.errno == number
        assert "/some/path" in str(twin) == str(error)


def test_a_raised_error_pickles_as_a_real_store_makes_it() -> None:
    with fsstore.open(":memory:") as store:
        for call in (lambda: store["k"], lambda: store.set("k", {"a": [b""]}), lambda: store.get("\ud800")):
            with pytest.raises(StoreError) as caught:
                call()
            twin = pickle.loads(pickle.dumps(caught.value))
            assert (type(twin), str(twin), vars(twin)) == (type(caught.value), str(caught.value), vars(caught.value))


def test_every_class_says_what_it_means() -> None:
    for kind in CLASSES.values():
        assert (kind.__doc__ or "").strip(), kind
