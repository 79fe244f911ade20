"""One key for equal arguments, however they are passed. It calls no function and knows no store."""

from __future__ import annotations

import hashlib
import inspect
import json
import marshal
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePath
from typing import Any

import orjson

from fsstore.errors import InvalidValue, UnsupportedType

_Parameter = inspect.Parameter
_BY_PLACE = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (_Parameter.POSITIONAL_OR_KEYWORD, _Parameter.KEYWORD_ONLY)
_ANY_NUMBER = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)
_SAFE = frozenset({str, int, bool, type(None)})
"""Types of which orjson writes no two values alike."""
_FORM = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_DIGEST = 16  # bytes


class Arguments:
    """What a function's parameters are called by, so that a call is bound to them without `inspect`."""

    __slots__ = ("_by_name", "_defaults", "_fn", "_ignore", "_is_plain", "_keywords", "_names", "_signature", "_total")

    def __init__(self, fn: Callable[..., Any], ignore: Collection[str]) -> None:
        """``ignore``: names of parameters that make no difference. Raises `ValueError` for names it does not have."""
        self._signature = inspect.signature(fn)
        parameters = self._signature.parameters
        self._fn = fn
        self._ignore = _names(ignore)
        self._names = [name for name, each in parameters.items() if each.kind in _BY_PLACE]
        self._by_name = [frozenset(self._names[:count]) for count in range(len(self._names) + 1)]
        self._keywords = frozenset(name for name, each in parameters.items() if each.kind in _BY_NAME)
        self._defaults = {n: each.default for n, each in parameters.items() if each.default is not _Parameter.empty}
        self._total = len(parameters)
        self._is_plain = not any(each.kind in _ANY_NUMBER for each in parameters.values())
        takes_any_name = any(each.kind is _Parameter.VAR_KEYWORD for each in parameters.values())
        unknown = [name for name in self._ignore if name not in parameters]
        if unknown and not takes_any_name:
            raise ValueError(f"ignore={unknown!r}: {_called(fn)} has no such parameter; it has {', '.join(parameters)}")

    def digest(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """32 hexadecimal digits, the same for equal arguments.

        Raises `TypeError` for what the function could not be called with, `UnsupportedType` for what is no JSON.
        """
        bound = self._bound(args, kwargs)
        return digest_of(bound, lambda: self._culprit(bound))

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Each parameter's name, and what it is given."""
        count = len(args)
        if (
            self._is_plain
            and count <= len(self._names)
            and (not kwargs or (self._keywords.issuperset(kwargs) and self._by_name[count].isdisjoint(kwargs)))
        ):
            bound = {**self._defaults, **dict(zip(self._names, args, strict=False)), **kwargs}
            if len(bound) == self._total:
                for name in self._ignore:
                    del bound[name]
                return bound
        given = self._signature.bind(*args, **kwargs)  # says what is wrong as a call would
        given.apply_defaults()
        return self._noticed(given.arguments)

    def _noticed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Those that make a difference."""
        noticed = {name: value for name, value in given.items() if name not in self._ignore}
        for name, each in self._signature.parameters.items():
            if each.kind is _Parameter.VAR_KEYWORD and name in noticed:
                noticed[name] = {n: value for n, value in noticed[name].items() if n not in self._ignore}
        return noticed

    def _culprit(self, bound: Mapping[str, Any]) -> str:
        """Which argument it is that has no JSON form."""
        for name, value in bound.items():
            try:
                canonical(value)
            except (UnsupportedType, InvalidValue):
                return f"argument {name!r} of {_called(self._fn)}"
        return f"the arguments of {_called(self._fn)}"


def digest_of(value: Any, what: Callable[[], str]) -> str:
    """The hash (BLAKE2b, 128 bits) of a value's canonical JSON. ``what`` it is is said where it has none."""
    try:
        raw = canonical(value)
    except (UnsupportedType, InvalidValue) as error:
        message = (
            f"{what()} cannot be a part of a key: {error} Name it in ignore=, if it makes no difference to the "
            f"result, or give key=, a function of the same arguments that returns what does."
        )
        raise type(error)(message, **error.__dict__) from None
    return hashlib.blake2b(raw, digest_size=_DIGEST).hexdigest()


def canonical(value: Any) -> bytes:
    """A JSON value's one form: compact, members sorted by code point, as in RFC 8785; but 1 and 1.0 stay apart.

    Raises `UnsupportedType` and `InvalidValue` for what is no JSON, or would look like something else.
    """
    kinds = map(type, value.values()) if type(value) is dict else (type(value),)
    try:
        raw = orjson.dumps(value, None, _FORM)
        if _SAFE.issuperset(kinds):
            return raw
        exact = marshal.dumps(value)  # refuses what is of no built-in type, such as a UUID
        # NaN and infinity leave orjson as null; as doubles they end in one of these two bytes.
        if b"null" not in raw or not (b"\x7f" in exact or b"\xff" in exact):
            return raw
    except (TypeError, ValueError):
        pass
    _require_json(value, "$")
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _require_json(value: Any, path: str) -> None:
    """Raise for the first thing that is no JSON. The slow way."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        raise InvalidValue(f"{path}: {value} has no JSON form.", json_path=path)
    if kind is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidValue(f"{path}: a lone surrogate has no UTF-8 form.", json_path=path) from None
    if kind in _SAFE or kind is float:
        return
    if kind is dict:
        for name, member in value.items():
            if type(name) is not str:
                raise _no_json(name, f"{path}.<name>")
            _require_json(name, f"{path}.<name>")
            _require_json(member, f"{path}.{name}")
    elif kind is list or kind is tuple:
        for index, item in enumerate(value):
            _require_json(item, f"{path}[{index}]")
    else:
        raise _no_json(value, path)


def _no_json(value: Any, path: str) -> UnsupportedType:
    name = type(value).__name__
    return UnsupportedType(f"{path}: {name} is no JSON type.", json_path=path, type_name=name)


def name_of(fn: Callable[..., Any]) -> str:
    """A name that stays the same in every process: module and qualified name.

    A script's, and an agent's, module is called by its file. Raises `ValueError` for a function that has no name of
    its own.
    """
    qualified = getattr(fn, "__qualname__", "<lambda>").replace(".<locals>", "")
    if qualified.endswith("<lambda>"):
        raise ValueError("a function without a name shares its keys with others: give name=, which stays the same")
    globals_ = getattr(inspect.unwrap(fn), "__globals__", {})
    spec = globals_.get("__spec__")
    file = globals_.get("__file__")
    module = spec.name if spec is not None else PurePath(file).stem if file else fn.__module__
    return f"{module}.{qualified}" if module else qualified


def _names(ignore: Collection[str]) -> tuple[str, ...]:
    """The names that are ignored; one ``str`` is one name."""
    return (ignore,) if isinstance(ignore, str) else tuple(dict.fromkeys(ignore))


def _called(fn: Callable[..., Any]) -> str:
    return f"{getattr(fn, '__qualname__', repr(fn))}()"
