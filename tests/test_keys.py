"""Names and paths: the pinned vectors, and what must hold for any name: reversible, apart, inside, portable."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsstore import InvalidName, keys
from fsstore.keys import MAX_PATH, ROOT, Level, decode_key, decode_namespace, encode_key, encode_namespace

VECTORS = json.loads((Path(__file__).parent / "data" / "key-vectors.json").read_text(encoding="utf-8"))
ODD_NAMES = 100_000
PIECES = [
    *(":", "/", ":", "/", "::", "//", ":/", "/:", ".", "..", "...", "%", "%%", "%2F", "%3A", "%2f", "%25", "%zz"),
    *("a", "b", "A", "ab", "0", "2F", "3A", "-", "_", "~", "+", "=", "@", ",", "$", "'", "#", "&", "{"),
    *("json", ".json", ".JSON", ".txt", ".md", "son", ".j", ".git", ".meta", "git", "git~1", "GIT~22"),
    *(" ", "  ", "\t", "\n", "\r\n", "\x00", "\x7f", "\x85", "\u00a0", "\\", "*", "?", '"', "<", ">", "|"),
    *("con", "CON", "nul", "aux.", "prn", "com1", "COM\u00b2", "lpt9.x", "conin$", "conout$."),
    *("é", "e\u0301", "\u0301", "ß", "İ", "\u212a", "K", "ﬁ", "\u1100\u1161", "가", "\u0345", "\U0001d15e"),
    *("日本", "😀", "\u200b", "\u200d", "\u202e", "\u2028", "\ufeff", "\u00ad", "\u061c", "\ue000", "\U0010ffff"),
]
RUNS = ["k" * 67, "k" * 199, "k" * 200, "é" * 50, "e\u0301" * 30, "." * 120, "%" * 40, "😀" * 45, "k" * 196 + ".json"]
DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}

odd_text = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES + RUNS), max_size=9).map("".join),
    st.text(alphabet=":/.%a2F3Ajson \u0301é", max_size=30),
)


def odd_names(seed: str, shortest: int) -> list[str]:
    """Distinct names, the same in every run."""
    rng = random.Random(seed)
    names: set[str] = set()
    while len(names) < ODD_NAMES:
        pieces = rng.choices(PIECES, k=rng.randint(shortest, 8))
        if pieces and rng.random() < 0.1:
            pieces[rng.randrange(len(pieces))] = rng.choice(RUNS)
        names.add("".join(pieces))
    return sorted(names)


@pytest.fixture(scope="module")
def key_paths() -> dict[str, str]:
    return {key: encode_key(key) for key in odd_names("keys", 0)}


@pytest.fixture(scope="module")
def namespace_paths() -> dict[str, str]:
    return {name: encode_namespace(name) for name in odd_names("namespaces", 1)}


def levels_of(path: str) -> Iterator[tuple[str, Level]]:
    """Every directory of a key's path with its level, from the outermost."""
    level: Level | None = ROOT
    at = ""
    for name in path.split("/")[:-1]:
        assert level is not None
        at += name + "/"
        level = keys.decode_directory(level, name)
        assert level is not None, at
        yield at, level


def require_portable(path: str) -> None:
    """Fail for a component that some file system, shell or tool would take for something else."""
    for name in path.split("/"):
        size = len(name.encode())
        assert 0 < size <= 209, (size, path)
        assert name[0] != ".", path
        assert name[-1] not in ". ", path
        assert not re.search(r'[\x00-\x1f\x7f-\x9f<>"|?*\\:\u200b\u202e\u2028\ufeff]', name), path
        assert name.partition(".")[0].lower() not in DEVICES, path
        assert not re.match(r"git~\d", name, re.IGNORECASE), path


# -- the pinned vectors ----------------------------------------------------------------------------


def test_the_vectors_are_all_there() -> None:
    assert {kind: len(rows) for kind, rows in VECTORS.items()} == {"keys": 95, "namespaces": 16, "not_keys": 18}


@pytest.mark.parametrize(("key", "path"), VECTORS["keys"])
def test_key_vectors(key: str, path: str) -> None:
    assert encode_key(key) == path
    assert decode_key(path) == key


@pytest.mark.parametrize(("name", "path"), VECTORS["namespaces"])
def test_namespace_vectors(name: str, path: str) -> None:
    assert encode_namespace(name) == path
    assert decode_namespace(path) == name


@pytest.mark.parametrize("path", VECTORS["not_keys"])
def test_paths_that_are_no_key(path: str) -> None:
    assert decode_key(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "%",
        "a%",
        "%/a",
        "a/b",
        "a%2f",
        "%61",
        "A%3A%",
        ".git",
        "..",
        "a ",
        "a.",
        "CON",
        "a:b",
        "a.json",
        "e\u0301",
        "%FF",
    ],
)
def test_paths_that_are_no_namespace(path: str) -> None:
    assert decode_namespace(path) is None


# -- 100,000 odd names -----------------------------------------------------------------------------


def test_odd_keys_come_back_from_a_path_each(key_paths: dict[str, str]) -> None:
    assert len(set(key_paths.values())) == ODD_NAMES
    for key, path in key_paths.items():
        assert decode_key(path) == key, (key, path)


def test_odd_keys_stay_inside_and_are_portable(key_paths: dict[str, str]) -> None:
    for path in key_paths.values():
        assert path.endswith(".json")
        require_portable(path)


def test_no_file_of_one_key_is_a_directory_of_another(key_paths: dict[str, str]) -> None:
    files = set(key_paths.values())
    for path in files:
        at = path.rfind("/")
        while at > 0:
            assert path[:at] not in files, path
            at = path.rfind("/", 0, at)


def test_every_directory_says_how_the_keys_below_it_start(key_paths: dict[str, str]) -> None:
    for key, path in key_paths.items():
        for at, level in levels_of(path):
            assert key.startswith(level.text), (key, at)


def test_whole_listings_decode_like_single_names(key_paths: dict[str, str]) -> None:
    listings: dict[Level, list[str]] = {}
    for path in key_paths.values():
        *_, (_, level) = [("", ROOT), *levels_of(path)]
        listings.setdefault(level, []).append(path.rpartition("/")[2])
    shortcuts = 0
    for level, names in listings.items():
        for some in (names, *([name] for name in names)):
            decoded = keys.decode_leaves(level, some)
            assert decoded is None or decoded == [keys.decode_leaf(level, name) for name in some]
            shortcuts += decoded is not None
    assert shortcuts > 1000


def test_odd_namespaces_come_back(namespace_paths: dict[str, str]) -> None:
    for name, path in namespace_paths.items():
        assert decode_namespace(path) == name, (name, path)
        require_portable(path)


def test_no_namespace_lies_in_another(namespace_paths: dict[str, str]) -> None:
    paths = set(namespace_paths.values())
    assert len(paths) == ODD_NAMES
    for path in paths:
        *outer, _ = path.split("/")
        for depth in range(1, len(outer) + 1):
            assert "/".join(outer[:depth]) not in paths, path


def test_odd_paths_name_something_only_if_they_are_canonical() -> None:
    rng = random.Random("paths")
    pieces = [*PIECES, *(".json", "/", "%2F/", "%3A/", "%/", "%2F", "%3A", "%E9", "%C3%A9", "%", "%2E", "%63on")]
    named = 0
    for _ in range(ODD_NAMES):
        path = "".join(rng.choices(pieces, k=rng.randint(1, 5))) + rng.choice([".json", ""])
        key, namespace = decode_key(path), decode_namespace(path)
        assert key is None or encode_key(key) == path, path
        assert namespace is None or encode_namespace(namespace) == path, path
        named += key is not None
    assert named > 1000


def test_odd_listings_decode_like_single_names() -> None:
    """Whatever lies in a directory, the pass over all names accepts nothing that the pass over each refuses."""
    rng = random.Random("listings")
    levels = [ROOT, Level("a:", ":"), Level("a/", "/"), Level("x" * 200, ":", "x" * 200, ("x" * 200,))]
    accepted = 0
    for _ in range(30_000):
        level = rng.choice(levels)
        names = [
            "".join(rng.choices(PIECES, k=rng.randint(1, 3))).replace("/", "-") + ".json"
            for _ in range(rng.randint(1, 3))
        ]
        decoded = keys.decode_leaves(level, names)
        assert decoded is None or decoded == [keys.decode_leaf(level, name) for name in names], names
        accepted += decoded is not None
    assert accepted > 1000


# -- any text --------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(odd_text)
@example("")
@example("a" * 200 + "\u0301")
def test_any_key_comes_back(key: str) -> None:
    path = encode_key(key)
    assert decode_key(path) == key
    require_portable(path)


@settings(max_examples=200, deadline=None)
@given(odd_text.filter(bool))
def test_any_namespace_comes_back(name: str) -> None:
    path = encode_namespace(name)
    assert decode_namespace(path) == name
    require_portable(path)


@settings(max_examples=300, deadline=None)
@given(odd_text, odd_text)
def test_any_two_keys_are_apart(one: str, two: str) -> None:
    first, second = encode_key(one), encode_key(two)
    assert (first == second) is (one == two)
    assert not second.startswith(first + "/")


@settings(max_examples=300, deadline=None)
@given(odd_text)
@example("a%2F/b.json")
def test_any_path_names_something_only_if_it_is_canonical(path: str) -> None:
    for text in (path, path + ".json"):
        key, namespace = decode_key(text), decode_namespace(text)
        assert key is None or encode_key(key) == text
        assert namespace is None or encode_namespace(namespace) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(odd_text, min_size=1, max_size=4), st.lists(odd_text, min_size=1, max_size=4))
def test_keys_joined_of_different_parts_differ(one: list[str], two: list[str]) -> None:
    assert (keys.join(one) == keys.join(two)) is (one == two)
    assert keys.join(one).count(":") == len(one) - 1
    assert "/" not in keys.join(one)


# -- what has no path ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb", "k" * 300 + "\udc80"])
def test_a_lone_surrogate_is_refused_with_its_position(name: str) -> None:
    position = next(index for index, c in enumerate(name) if "\ud800" <= c <= "\udfff")
    for encode in (encode_key, encode_namespace):
        with pytest.raises(InvalidName, match=f"lone surrogate at position {position}") as caught:
            encode(name)
        assert (caught.value.name, caught.value.reason) == (name, "lone surrogate")


def test_a_path_may_take_3500_bytes_and_no_more() -> None:
    assert MAX_PATH == 3500
    room = MAX_PATH - len("n/.json")
    key = "a:" * (room // 2 - 20) + "b" * (40 + room % 2)
    assert len(keys.path_of("n", key)) == MAX_PATH
    with pytest.raises(InvalidName, match="takes 3501 bytes, the limit is 3500") as caught:
        keys.path_of("n", key + "b")
    assert (caught.value.name, caught.value.reason) == (key + "b", "too long")


def test_the_limit_counts_bytes_not_characters() -> None:
    assert len(keys.path_of("n", "é:" * 1000).encode()) < MAX_PATH
    with pytest.raises(InvalidName, match="too long"):
        keys.path_of("n", "é:" * 1200)
    with pytest.raises(InvalidName, match="too long"):
        keys.path_of("n", "%" * 1200)
