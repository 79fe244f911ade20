"""A memoized function is called once for equal arguments, and is the same function otherwise."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import NestedWrite, Store, UnsupportedType
from fsstore.recipes.caching import Cached
from fsstore.recipes.flights import Flight
from recipes.test_caching import LIMIT, Gate

Pass = Callable[[float], None]


def counted(store: Store, **options: Any) -> tuple[Any, list[Any]]:
    """A memoized function with parameters of each kind, and the calls of it."""
    calls: list[Any] = []

    @store.memoize(name="f", **options)
    def f(a: Any, b: Any = 2, *, c: Any = None) -> Any:
        """Say what it was given."""
        calls.append((a, b, c))
        return [a, b, c]

    return f, calls


def test_equal_arguments_make_one_call_however_they_are_passed(store: Store) -> None:
    f, calls = counted(store)
    found = [f(1), f(1, 2), f(a=1), f(1, b=2), f(b=2, a=1), f(1, c=None), f(c=None, b=2, a=1)]
    assert found == [[1, 2, None]] * 7
    assert calls == [(1, 2, None)]


def test_other_arguments_make_other_calls(store: Store) -> None:
    f, calls = counted(store)
    each = [1, 1.0, True, "1", None, "null", [1], ["1"], {"a": 1}, "", 0, False, 2**70, str(2**70), [[]], [], {}]
    for a in each * 2:
        f(a)
    assert [a for a, _, _ in calls] == each
    assert len(store.list_keys("f:")) == len(each)


def test_members_of_objects_have_no_order(store: Store) -> None:
    f, calls = counted(store)
    f({"a": 1, "ä": {"x": 1, "y": 2}})
    f({"ä": {"y": 2, "x": 1}, "a": 1})
    assert len(calls) == 1


@pytest.mark.parametrize("result", [None, 0, "", [], False], ids=repr)
def test_every_result_is_kept(store: Store, result: Any) -> None:
    calls: list[int] = []

    @store.memoize(name="g")
    def g() -> Any:
        calls.append(1)
        return result

    assert [g(), g()] == [result, result]
    assert calls == [1]


def test_a_call_that_fails_as_without_it(store: Store) -> None:
    f, calls = counted(store)
    for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"a": 2}), ((1,), {"d": 1}), ((), {"b": 1})]:
        with pytest.raises(TypeError) as raised:
            f(*args, **kwargs)
        assert not isinstance(raised.value, fsstore.StoreError)
    assert calls == []


def test_what_it_raises_is_not_kept(store: Store) -> None:
    outcomes = [ZeroDivisionError(), 1]

    @store.memoize(name="g")
    def g() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(ZeroDivisionError):
        g()
    assert [g(), g()] == [1, 1]


@pytest.mark.parametrize(
    ("bad", "type_name"), [({1}, "set"), (b"x", "bytes"), (Path("x"), "PosixPath"), ({1: 2}, "int")]
)
def test_an_argument_that_is_no_json_is_named_with_the_way_out(store: Store, bad: Any, type_name: str) -> None:
    f, calls = counted(store)
    with pytest.raises(UnsupportedType, match=rf"argument 'b' of .*f\(\).*{type_name}.*ignore=.*key=") as raised:
        f(1, [bad])
    assert raised.value.type_name == type_name
    assert calls == []


@pytest.mark.parametrize("bad", [float("nan"), float("-inf"), "\ud800"], ids=ascii)
def test_an_argument_that_json_would_change_is_refused(store: Store, bad: Any) -> None:
    f, calls = counted(store)
    for args in ([bad], [1, {"x": [bad]}], [1, 2, bad], [{"x": {bad: None}}]):
        with pytest.raises((ValueError, TypeError), match=r"argument '[abc]' of"):
            f(*args[:2], **dict(zip("c", args[2:], strict=False)))
    assert calls == []


def test_what_is_ignored_makes_no_difference(store: Store) -> None:
    calls: list[Any] = []

    @store.memoize(name="g", ignore=["session"])
    def g(session: Any, a: int) -> int:
        calls.append(a)
        return a

    assert [g(object(), 1), g(session={1}, a=1), g(None, 2)] == [1, 1, 2]
    assert calls == [1, 2]
    with pytest.raises(ValueError, match=r"ignore=\['d'\].*no such parameter; it has a, b, c"):
        counted(store, ignore=["d"])
    assert counted(store, ignore="b")[0].key(1) == counted(store, ignore=("b",))[0].key(1, 3)


def test_functions_with_any_number_of_arguments(store: Store) -> None:
    calls: list[Any] = []

    @store.memoize(name="g", ignore=("log",))
    def g(a: int, *rest: int, **named: int) -> int:
        calls.append((a, rest, named))
        return len(rest)

    found = [g(1), g(1, 2), g(1, 2, x=3), g(1, 2, x=3, log=9), g(1, 2, log=1, x=3), g(1, 2, x=4)]
    assert found == [0, 1, 1, 1, 1, 1]
    assert calls == [(1, (), {}), (1, (2,), {}), (1, (2,), {"x": 3}), (1, (2,), {"x": 4})]


def test_positional_parameters_by_name_fail_as_without_it(store: Store) -> None:
    @store.memoize(name="g")
    def g(a: int, /, b: int = 1) -> int:
        return a + b

    assert (g(1), g(1, b=1)) == (2, 2)
    assert store.count("g:") == 1
    with pytest.raises(TypeError, match="positional"):
        g(a=1)  # type: ignore[call-arg]


def test_a_key_of_ones_own(store: Store) -> None:
    calls: list[Any] = []

    @store.memoize(name="page", key=lambda session, url: url)
    def page(session: Any, url: str) -> str:
        calls.append(url)
        return url.upper()

    assert page(object(), "https://h/a?b") == page(object(), url="https://h/a?b") == "HTTPS://H/A?B"
    assert page.key(None, "x:y") == "page:x:y"
    assert store["page:https://h/a?b"] == "HTTPS://H/A?B"
    assert calls == ["https://h/a?b"]

    @store.memoize(name="sum", key=lambda numbers: sorted(numbers))
    def total(numbers: set[int]) -> int:
        return sum(numbers)

    assert total.key({1, 2}) == total.key({2, 1}) != total.key({3})

    @store.memoize(name="bad", key=lambda x: {x})
    def bad(x: int) -> int:
        return x

    with pytest.raises(UnsupportedType, match="what key= gave"):
        bad(1)


def test_the_function_stays_what_it_is(store: Store) -> None:
    f, _ = counted(store)
    assert (f.__name__, f.__doc__, str(inspect.signature(f))) == (
        "f",
        "Say what it was given.",
        "(a: 'Any', b: 'Any' = 2, *, c: 'Any' = None) -> 'Any'",
    )

    @store.memoize(name="g")
    async def g() -> int:
        return 1

    assert inspect.iscoroutinefunction(g)


def test_names_of_keys(store: Store, tmp_path: Path) -> None:
    @store.memoize()
    def local(x: int) -> int:
        return x

    name = "tests.recipes.test_memoizing" if __name__.startswith("tests.") else __name__
    assert local.key(1).rpartition(":")[0] == f"{name}.test_names_of_keys.local"
    assert len(local.key(1).rpartition(":")[2]) == 32
    with pytest.raises(ValueError, match="give name="):
        store.memoize()(lambda x: x)
    assert store.memoize(name="named")(lambda x: x)(1) == 1

    namespace: dict[str, Any] = {"__name__": "fsstore_agent_17_x", "__file__": str(tmp_path / "crawl.py")}
    exec("def fetch(url): return url", namespace)
    assert store.memoize()(namespace["fetch"]).key("u").startswith("crawl.fetch:")


def test_a_script_and_its_import_have_the_same_keys(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "crawl.py").write_text(
        "import fsstore\n"
        "store = fsstore.open(':memory:')\n"
        "@store.memoize()\n"
        "def fetch(url): return url\n"
        "if __name__ == '__main__': print(fetch.key('u'))\n"
    )
    keys = {
        subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()
        for arguments in (["crawl.py"], ["-m", "crawl"], ["-c", "import crawl; print(crawl.fetch.key('u'))"])
    }
    assert len(keys) == 1
    assert keys.pop().startswith("crawl.fetch:")


def test_methods(store: Store) -> None:
    calls: list[Any] = []

    class Crawler:
        @store.memoize(name="fetch", ignore=("self",))
        def fetch(self, url: str, depth: int = 1) -> str:
            calls.append((url, depth))
            return url

        @store.memoize(name="both", ignore=("self",))
        async def both(self, url: str) -> str:
            calls.append(url)
            return url

    assert [Crawler().fetch("a"), Crawler().fetch(url="a", depth=1), Crawler().fetch("a", 2)] == ["a"] * 3
    assert calls == [("a", 1), ("a", 2)]
    assert Crawler.fetch.invalidate(Crawler(), "a")
    assert Crawler().fetch("a") == "a"
    assert len(calls) == 3
    assert asyncio.run(Crawler().both("b")) == asyncio.run(Crawler().both("b")) == "b"
    assert calls[3:] == ["b"]


def test_bypass_neither_looks_nor_stores(store: Store) -> None:
    f, calls = counted(store)
    assert f.bypass(1) == [1, 2, None]
    assert store.count() == 0
    f(1)
    f.bypass(1)
    assert len(calls) == 3


def test_invalidate_forgets_one_and_invalidate_all_all(store: Store) -> None:
    f, calls = counted(store)
    store.set("f", "not one of them")
    store.set("f2:x", "nor this")
    for a in (1, 2, 3):
        f(a)
    assert (f.invalidate(a=1), f.invalidate(1), f.invalidate(9)) == (True, False, False)
    f(1)
    f(2)
    assert len(calls) == 4
    assert (f.invalidate_all(), f.invalidate_all()) == (3, 0)
    f(2)
    assert len(calls) == 5
    assert store.get_many(["f", "f2:x"]) == {"f": "not one of them", "f2:x": "nor this"}


def test_a_coroutine_function(store: Store) -> None:
    calls: list[Any] = []

    @store.memoize(name="g", ttl=100)
    async def g(x: int, y: int = 0) -> list[int]:
        calls.append(x)
        await asyncio.sleep(0)
        return [x, y]

    async def all_of_it() -> None:
        assert await asyncio.gather(*(g(1) for _ in range(20))) == [[1, 0]] * 20
        assert calls == [1]
        assert await g.bypass(1) == [1, 0]
        assert store[g.key(1, y=0)] == [1, 0]
        assert store.expires(g.key(1)) is not None
        assert [await g.invalidate(1), await g.invalidate(x=1)] == [True, False]
        await g(1)
        await g(2)
        assert await g.invalidate_all() == 2

    asyncio.run(all_of_it())
    assert calls == [1, 1, 1, 2]


def test_a_plain_function_and_a_recursive_one(store: Store) -> None:
    calls: list[int] = []

    @store.memoize(name="fib")
    def fib(n: int) -> int:
        calls.append(n)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(30) == 832040
    assert sorted(calls) == list(range(31))

    @store.memoize(name="loop")
    def loop(n: int) -> int:
        return loop(n)

    with pytest.raises(NestedWrite, match="wait for itself"):
        loop(1)


def test_it_is_computed_again_after_its_time(store: Store, let_pass: Pass) -> None:
    f, calls = counted(store, ttl=1000)
    f(1)
    let_pass(900)
    f(1)
    assert len(calls) == 1
    let_pass(100)
    f(1)
    assert len(calls) == 2


def test_a_stale_result_is_given_and_computed_anew(store: Store, let_pass: Pass) -> None:
    f, calls = counted(store, ttl=10, stale=10)
    f(1)
    let_pass(11)
    assert f(1) == [1, 2, None]
    for thread in threading.enumerate():
        if thread.name == "fsstore-cached":
            thread.join(LIMIT)
    f(1)
    assert len(calls) == 2


def invalidated_while_computing(store: Store, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Forget a result while somebody computes it from what was before; whether it is there afterwards."""
    gate = Gate("from what was before")
    f = store.memoize(name="f")(lambda: gate())
    asked = threading.Event()
    real = Flight.lock

    def lock(self: Flight) -> Any:
        if gate.begun.is_set():
            asked.set()
        return real(self)

    def forget() -> None:
        f.invalidate()
        asked.set()

    monkeypatch.setattr(Flight, "lock", lock)
    with ThreadPoolExecutor(2) as pool:
        computing = pool.submit(f)
        assert gate.begun.wait(LIMIT)
        forgetting = pool.submit(forget)
        assert asked.wait(LIMIT)
        gate.let.set()
        assert computing.result(LIMIT) == "from what was before"
        forgetting.result(LIMIT)
    return f.key() in store


def test_after_invalidate_nothing_is_there_that_was_begun_before(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not invalidated_while_computing(store, monkeypatch)


def test_a_mere_delete_would_be_too_early(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: Cached) -> Any:
        yield from ()
        return self._space.delete(self._key)

    monkeypatch.setattr(Cached, "forget", forget)
    assert invalidated_while_computing(store, monkeypatch)


def test_a_function_that_forgets_its_own_result_does_not_wait_for_itself(store: Store) -> None:
    @store.memoize(name="g")
    def g() -> bool:
        return g.invalidate()

    assert [g(), g(), g.invalidate()] == [False, False, True]


def test_without_parentheses_it_says_so(store: Store) -> None:
    with pytest.raises(UnsupportedType, match="with parentheses"):

        @store.memoize  # type: ignore[arg-type]
        def f() -> None:
            pass


def test_it_is_a_decorator_of_the_awaited_view_too(store: Store) -> None:
    async def one() -> int:
        return 1

    g = store.aio.memoize(name="g")(one)
    assert asyncio.run(g()) == 1
    assert store.list_keys("g:") == [g.key()]
