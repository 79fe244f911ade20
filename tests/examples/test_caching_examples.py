"""The example agents that keep results: what is a hit, what is made anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fsstore import Store

Run = Callable[..., Any]


def test_cache_aside_hits_the_second_time_and_opens_no_file(run: Run, text: Path) -> None:
    first = run("cache_aside", file=str(text))
    text.unlink()
    second = run("cache_aside", file=str(text))
    assert first == second == {"data": ["one two"]}


def test_cache_aside_does_the_work_again_when_the_key_was_deleted(run: Run, store: Store, text: Path) -> None:
    run("cache_aside", file=str(text))
    text.write_text("# another\n")
    assert run("cache_aside", file=str(text)) == {"data": ["one two"]}
    assert store.delete(f"headings:{text}") is True
    assert run("cache_aside", file=str(text)) == {"data": ["another"]}


def test_cache_aside_by_hand_takes_an_empty_result_for_none(run_before: Run, run_after: Run, tmp_path: Path) -> None:
    for run, expected in ((run_before, ["new"]), (run_after, [])):
        path = tmp_path / f"{len(expected)}.txt"
        path.write_text("no heading\n")
        assert run("cache_aside", file=str(path)) == {"data": []}
        path.write_text("# new\n")
        assert run("cache_aside", file=str(path)) == {"data": expected}


def test_write_through_always_holds_the_newest_analysis(run: Run, store: Store, tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("class A: ...\ndef f(): ...\n")
    cache = store.use_namespace("analysis-cache")
    assert run("write_through", file=str(source)) == {"classes": ["A"], "functions": ["f"]}
    before = cache.info(str(source))
    run("write_through", file=str(source))
    assert cache.info(str(source)) == before
    source.write_text("async def g(): ...\n")
    run("write_through", file=str(source))
    assert cache.get_all() == {str(source): {"classes": [], "functions": ["g"]}}
    assert cache.info(str(source)).updated_by == "write_through"


def test_ttl_cache_answers_while_the_result_is_young_enough(run: Run, text: Path) -> None:
    expected = {"data": ["two", "one", "three"]}
    assert run("ttl_cache", file=str(text)) == expected
    text.write_text("four\n")
    assert run("ttl_cache", file=str(text)) == expected
    assert run("ttl_cache", file=str(text), ttl_seconds=600) == expected


def test_ttl_cache_by_hand_reads_the_time_beside_the_value(run_before: Run, store: Store, text: Path) -> None:
    cache = store.use_namespace("timed-cache")
    run_before("ttl_cache", file=str(text))
    text.write_text("four\n")
    aged = (datetime.now() - timedelta(minutes=10)).isoformat()
    cache.set(str(text), {**cache[str(text)], "_cached_at": aged})
    assert run_before("ttl_cache", file=str(text), ttl_seconds=900)["data"] == ["two", "one", "three"]
    assert run_before("ttl_cache", file=str(text), ttl_seconds=600)["data"] == ["four"]
    assert cache[str(text)]["_cached_at"] > aged


def test_ttl_cache_expires_and_its_value_is_the_result_alone(run_after: Run, store: Store, text: Path) -> None:
    cache = store.use_namespace("timed-cache")
    run_after("ttl_cache", file=str(text))
    assert cache[str(text)] == ["two", "one", "three"]
    assert cache.expires(str(text)) is not None
    text.write_text("four\n")
    assert cache.touch(str(text), ttl=1e-9) is True
    assert run_after("ttl_cache", file=str(text)) == {"data": ["four"]}


def test_memoized_counts_each_word_once(run: Run, text: Path) -> None:
    assert run("memoized", file=str(text), words=["two"]) == {"counts": {"two": 2}}
    text.write_text("three three\n")
    assert run("memoized", file=str(text), words=["two", "three"]) == {"counts": {"two": 2, "three": 2}}


def test_memoized_by_hand_takes_different_arguments_for_the_same(
    run_before: Run, run_after: Run, tmp_path: Path
) -> None:
    for run, found in ((run_before, 1), (run_after, 0)):
        (tmp_path / "a").write_text("b:c")
        (tmp_path / "a:b").write_text("nothing")
        assert run("memoized", file=str(tmp_path / "a"), words=["b:c"]) == {"counts": {"b:c": 1}}
        assert run("memoized", file=str(tmp_path / "a:b"), words=["c"]) == {"counts": {"c": found}}
