"""Reading many keys: counting, paging, streaming, and by prefix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fsstore import Store

NAMES = ["a", "a:1", "a:1:x", "a:2", "a/1", "ab", "b", "b:z/y:x", "B", "c.json", "é"]


@pytest.fixture
def filled(store: Store) -> Store:
    store.set_many({name: f"value of {name}" for name in NAMES})
    return store


def pairs(names: list[str]) -> list[tuple[str, str]]:
    return [(name, f"value of {name}") for name in names]


def test_count(filled: Store) -> None:
    assert filled.count() == len(NAMES)
    assert filled.count("a:") == 3
    assert filled.count("a:1") == 2
    assert filled.count("nothing") == 0
    assert filled.use_namespace("empty").count() == 0


def test_items_streams_all_in_order(filled: Store) -> None:
    stream = filled.items()
    assert isinstance(stream, Iterator)
    assert list(stream) == pairs(sorted(NAMES))
    assert list(filled.use_namespace("empty").items()) == []


@pytest.mark.parametrize("prefix", [None, "", "a", "a:", "a:1", "a/", "b:z", "b:z/y", "B", "c.", "é", "x"])
@pytest.mark.parametrize("after", [None, "", "A", "a", "a/1", "a:1", "a:1:", "a:1:x", "ab", "b:z/y:x", "é", "ü"])
def test_scan_takes_prefix_and_after_together(filled: Store, prefix: str | None, after: str | None) -> None:
    expected = [name for name in sorted(NAMES) if name.startswith(prefix or "") and (after is None or name > after)]
    assert list(filled.scan(prefix, after=after)) == pairs(expected)
    assert filled.list_keys(prefix, after=after) == expected
    assert filled.list_keys(prefix, after=after, limit=2) == expected[:2]


def test_scan_in_the_order_of_code_points_across_directories(store: Store) -> None:
    names = [
        "a",
        "a:",
        "a::",
        "a::b",
        "a:b",
        "a/",
        "a//",
        "a/:",
        "a-",
        "a.",
        "a0",
        "a;",
        "a:b/c",
        "a:b:c",
        "x" * 450,
        "x" * 450 + ":y",
    ]
    store.set_many(dict.fromkeys(names, 0))
    assert [key for key, _ in store.scan()] == sorted(names)
    assert list(store.get_all()) == sorted(names)
    for after in names:
        assert [key for key, _ in store.scan(after=after)] == sorted(name for name in names if name > after)


def test_scan_reads_each_value_when_its_turn_comes(store: Store) -> None:
    store.set_many({"a": 1, "b": 1, "c": 1, "d": 1})
    stream = store.scan()
    assert next(stream) == ("a", 1)
    store.set("c", 2)
    store.delete("d")
    assert list(stream) == [("b", 1), ("c", 2)]


def test_scan_does_nothing_before_it_is_asked(store: Store) -> None:
    stream = store.scan("k")
    store.set("k", 1)
    assert list(stream) == [("k", 1)]


def test_a_stream_may_be_left_half_way(filled: Store) -> None:
    for key, _ in filled.scan():
        if key == "a:1":
            break
    assert filled.delete("a:1") is True
    assert filled.count() == len(NAMES) - 1


def test_list_keys_pages_through_everything(store: Store) -> None:
    names = sorted(f"k:{number}" for number in range(25))
    store.set_many(dict.fromkeys(names, 0))
    pages: list[list[str]] = []
    after: str | None = None
    while page := store.list_keys("k:", limit=7, after=after):
        pages.append(page)
        after = page[-1]
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    assert [name for page in pages for name in page] == names


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (11, 11), (12, 11), (None, 11)])
def test_list_keys_limit(filled: Store, limit: int | None, count: int) -> None:
    assert filled.list_keys(limit=limit) == sorted(NAMES)[:count]


def test_a_negative_limit_is_refused(filled: Store) -> None:
    with pytest.raises(ValueError, match="limit=-1"):
        filled.list_keys(limit=-1)


def test_after_need_not_exist_nor_have_the_prefix(filled: Store) -> None:
    assert filled.list_keys("a:", after="a:1:y") == ["a:2"]
    assert filled.list_keys("a:", after="Z") == ["a:1", "a:1:x", "a:2"]
    assert filled.list_keys("a:", after="b") == []


def test_list_namespaces_by_prefix(store: Store) -> None:
    for name in ("repo:a:main", "repo:a:dev", "repo:b", "reports", "other"):
        store.use_namespace(name).set("k", 1)
    assert store.list_namespaces("repo:a:") == ["repo:a:dev", "repo:a:main"]
    assert store.list_namespaces(prefix="rep") == ["repo:a:dev", "repo:a:main", "repo:b", "reports"]
    assert store.list_namespaces("x") == []
    assert store.list_namespaces("") == store.list_namespaces(None) == store.list_namespaces()


@pytest.mark.parametrize("prefix", ["", "a", "a:", "a:1", "a/", "b:z/", "nothing"])
def test_get_prefix(filled: Store, prefix: str) -> None:
    found = filled.get_prefix(prefix)
    assert list(found.items()) == pairs(sorted(name for name in NAMES if name.startswith(prefix)))


@pytest.mark.parametrize("verb", ["get_all", "items", "scan"])
def test_the_choice_of_errors_is_checked(store: Store, verb: str) -> None:
    with pytest.raises(ValueError, match="errors='ignore' is none of raise, skip"):
        list(getattr(store, verb)(errors="ignore"))


def test_a_report_of_a_healthy_namespace_has_no_errors(filled: Store) -> None:
    values = dict(pairs(sorted(NAMES)))
    assert filled.get_all(errors="report") == (values, {})
    assert filled.get_all(errors="skip") == values
    assert filled.get_many(["a", "zz"], errors="report") == ({"a": "value of a"}, {})
    assert filled.get_prefix("b:", errors="report") == ({"b:z/y:x": "value of b:z/y:x"}, {})
