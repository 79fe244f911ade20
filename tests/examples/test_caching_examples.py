"""The example agents that keep results: what is a hit, what is made anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fsstore import Store

Run = Callable[..., Any]


def test_cache_aside_hits_the_second_time_and_opens_no_file(run: Run, text: Path) -> None:
    first = run("cache_aside", file=str(text))
    text.unlink()
    second = run("cache_aside", file=str(text))
    assert first["source"] == "file"
    assert first["description"]["bytes"] == 18
    assert second == {"description": first["description"], "source": "cache"}


def test_cache_aside_takes_an_empty_result_for_a_hit_and_a_deleted_one_for_a_miss(
    run: Run, store: Store, text: Path
) -> None:
    store.set(f"description:{text}", None)
    assert run("cache_aside", file=str(text)) == {"description": None, "source": "cache"}
    assert store.delete(f"description:{text}") is True
    assert run("cache_aside", file=str(text))["source"] == "file"
    assert store.info(f"description:{text}").metadata == {"made_from": str(text)}


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


def test_ttl_cache_answers_until_the_entry_is_too_old(run: Run, store: Store, text: Path) -> None:
    cache = store.use_namespace("timed-cache")
    assert run("ttl_cache", file=str(text)) == {"words": ["two", "one", "three"], "source": "file"}
    text.write_text("four\n")
    assert run("ttl_cache", file=str(text)) == {"words": ["two", "one", "three"], "source": "cache"}
    aged = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    cache.set(str(text), {**cache[str(text)], "made_at": aged})
    assert run("ttl_cache", file=str(text))["source"] == "cache"
    assert run("ttl_cache", file=str(text), ttl_seconds=600) == {"words": ["four"], "source": "file"}
    assert cache[str(text)]["made_at"] > aged
