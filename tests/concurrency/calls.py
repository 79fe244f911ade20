"""Calls of a namespace's verbs, as hypothesis draws them: names and arguments, for a store and a model alike."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

KEYS = ["", "a", "a:b", "a/b", "Ä ?"]
PREFIXES = ["a", "a:", "a/", "a:b", "b"]


class Call(NamedTuple):
    """One call of a verb."""

    verb: str
    arguments: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def outcome(self, target: Any) -> str:
        """What it returned or raised, to be compared. A model and a store raise the same errors."""
        try:
            found = getattr(target, self.verb)(*self.arguments, **dict(self.options))
        except (ValueError, LookupError, TypeError, RuntimeError, ArithmeticError) as error:
            return f"raised {type(error).__name__}"
        return f"returned {canonical(found)}"


def canonical(value: Any) -> str:
    """A JSON value as text, in which ``1``, ``1.0`` and ``True`` are not the same."""
    return json.dumps(value, sort_keys=True)


def wrapped(value: Any) -> Any:
    """What an update may do."""
    return [value]


def halved(value: Any) -> Any:
    """What an update may do; it fails for much."""
    return 1 / value


keys = st.sampled_from(KEYS)
members = st.none() | st.integers(-3, 3) | st.text("xy", max_size=2)
objects = st.dictionaries(st.sampled_from(["x", "y"]), members, max_size=2)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 2**70, "text\n"]),
    st.lists(members, max_size=3),
    objects,
)
metadata = st.none() | st.dictionaries(st.sampled_from(["m", "n"]), st.integers(0, 2), min_size=1, max_size=2)
items = st.dictionaries(keys, values, max_size=4)
key_lists = st.lists(keys, max_size=3, unique=True)
prefixes = st.sampled_from(PREFIXES)


def _call(verb: str, *arguments: SearchStrategy[Any], **options: SearchStrategy[Any]) -> SearchStrategy[Call]:
    return st.builds(
        Call,
        st.just(verb),
        st.tuples(*arguments),
        st.fixed_dictionaries(options).map(lambda named: tuple(named.items())),
    )


reads = st.one_of(
    _call("get", keys),
    _call("get", keys, values),
    _call("exists", keys),
    _call("get_all"),
    _call("get_many", key_lists),
    _call("get_prefix", prefixes),
    _call("list_keys", prefixes),
    _call("count", prefixes),
)
writes = st.one_of(
    *[_call("set", keys, values, metadata)] * 3,
    _call("create", keys, values, metadata),
    _call("delete", keys),
    _call("pop", keys),
    _call("pop", keys, values),
    _call("set_default", keys, values),
    _call("update", keys, st.sampled_from([wrapped, halved]), values),
    _call("increment", keys, st.integers(-3, 3) | st.just(0.5)),
    _call("append", keys, members, maxlen=st.sampled_from([None, 1, 2])),
    _call("merge", keys, objects),
    _call("set_many", items, metadata),
    _call("delete_many", key_lists),
    _call("delete_prefix", prefixes),
    _call("clear"),
    _call("replace_all", items),
    _call("copy", keys, keys, overwrite=st.booleans()),
    _call("move", keys, keys, overwrite=st.booleans()),
)

TTLS = [None, 500, 1500, 2500]
"""Seconds that keys last in tests; time passes by thousands there, so that none ends while a test just takes long."""

ttls = st.sampled_from(TTLS)
endings = st.one_of(
    *[_call("set", keys, values, metadata, ttl=ttls)] * 3,
    _call("create", keys, values, metadata, ttl=ttls),
    _call("set_default", keys, values, ttl=ttls),
    _call("set_many", items, metadata, ttl=ttls),
    *[_call("touch", keys, st.sampled_from([500, 1500, 2500]))] * 2,
    _call("persist", keys),
)
