"""A checkpoint goes on where it stopped, however it was stopped: at most one item is done twice, and none left out."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from files.children import end_all, finish, fork, line, start, tell
from steps_flaws import cancel_from_within

import fsstore
from fsstore import Checkpoint, Store
from fsstore.recipes import checkpoint
from fsstore.recipes.progress import chained

PATIENCE = 60.0


def stopped_at(one: Checkpoint, stop: Any) -> list[Any]:
    """The items up to the one in the middle of which it is stopped."""
    found = []
    for item in one:
        found.append(item)
        if item == stop:
            break
    return found


# -- the course of it ------------------------------------------------------------------------------


def test_it_goes_on_with_the_item_in_which_it_stopped(store: Store) -> None:
    items = list("abcde")
    assert stopped_at(store.checkpoint("c", items), "c") == ["a", "b", "c"]
    assert stopped_at(store.checkpoint("c", items), "d") == ["c", "d"]
    assert list(store.checkpoint("c", items)) == ["d", "e"]
    assert list(store.checkpoint("c", items)) == []


def test_an_error_repeats_the_item_in_hand(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        for item in store.checkpoint("c", [1, 0, 2]):
            1 // item
    assert list(store.checkpoint("c", [1, 0, 2])) == [0, 2]


def test_how_far_it_is_can_be_seen_by_everybody(store: Store) -> None:
    one = store.checkpoint("c", ["a", "b"])
    assert (one.done, one.total, one.complete) == (0, 2, False)
    stopped_at(one, "b")
    assert (one.done, one.total, one.complete) == (1, 2, False)
    digest = store["c"].pop("digest")
    assert store["c"] == {"done": 1, "total": 2, "complete": False, "digest": digest}
    assert list(one) == ["b"]
    assert (one.done, one.total, one.complete) == (2, 2, True)
    assert store["c"]["complete"] is True


def test_items_whose_number_is_not_known(store: Store) -> None:
    def items() -> Iterator[int]:
        yield from range(3)

    one = store.checkpoint("c", items())
    assert (one.total, one.complete) == (None, False)
    assert stopped_at(one, 1) == [0, 1]
    one = store.checkpoint("c", items())
    assert list(one) == [1, 2]
    assert (one.done, one.total, one.complete) == (3, 3, True)
    assert list(store.checkpoint("c", items())) == []


def test_nothing_to_do_is_done(store: Store) -> None:
    one = store.checkpoint("c", [])
    assert list(one) == []
    assert one.complete
    assert one.map(str) == []


def test_more_items_at_the_end_are_done_too(store: Store) -> None:
    assert list(store.checkpoint("c", [1, 2])) == [1, 2]
    more = store.checkpoint("c", [1, 2, 3])
    assert not more.complete
    assert list(more) == [3]
    assert more.complete


@pytest.mark.parametrize("items", [["x", "b", "c"], ["a"], ["b", "a", "c"], []])
def test_other_items_than_those_that_were_done_are_refused(store: Store, items: list[str]) -> None:
    assert stopped_at(store.checkpoint("c", ["a", "b", "c"]), "c") == ["a", "b", "c"]
    before = store["c"]
    for act in (list, lambda one: one.map(str)):
        with pytest.raises(fsstore.Conflict, match=r"begin anew with reset\(\)"):
            act(store.checkpoint("c", items))
    assert store["c"] == before
    store.checkpoint("c", items).reset()
    assert list(store.checkpoint("c", items)) == items


def test_the_digest_of_an_item_is_the_same_in_every_process(tmp_path: Path) -> None:
    class Odd:
        pass

    for item in (Path("a"), date(2026, 1, 1), {"b": 1, "a": [None]}, {"x", "y", "z"}, (1, 2.5), b"raw"):
        code = (
            "from fsstore.recipes.progress import chained;"
            f"import datetime, pathlib; PosixPath = pathlib.PosixPath; print(chained('', {item!r}))"
        )
        assert finish(start(code)).strip() == chained("", item), item
    assert chained("", Odd()) == chained("", Odd())
    assert chained("", 1) != chained("1", 1) != chained("", 2)
    end_all()


# -- results ---------------------------------------------------------------------------------------


def test_map_keeps_the_results(store: Store) -> None:
    calls = []

    def square(number: int) -> int:
        calls.append(number)
        if len(calls) == 3:
            raise RuntimeError("the third call")
        return number * number

    items = range(1, 6)
    with pytest.raises(RuntimeError):
        store.checkpoint("c", items).map(square)
    assert store.checkpoint("c", items).map(square, limit=2) == [1, 4, 9, 16]
    assert store.checkpoint("c", items).map(square) == [1, 4, 9, 16, 25]
    assert store.checkpoint("c", items).map(square) == [1, 4, 9, 16, 25]
    assert calls == [1, 2, 3, 3, 4, 5]
    assert store["c:results:000000:002"] == 9
    store.checkpoint("c", items).reset()
    assert store.list_keys() == []


def test_map_says_that_results_are_missing(store: Store) -> None:
    stopped_at(store.checkpoint("c", [1, 2, 3]), 2)
    with pytest.raises(fsstore.Conflict, match="1 of its items were done without map"):
        store.checkpoint("c", [1, 2, 3]).map(str)


def test_a_result_that_cannot_be_kept_is_no_progress(store: Store) -> None:
    with pytest.raises(fsstore.UnsupportedType):
        store.checkpoint("c", [1, 2]).map(lambda item: object() if item == 2 else item)
    assert store.checkpoint("c", [1, 2]).map(lambda item: item) == [1, 2]


def test_the_async_form_does_the_same(store: Store) -> None:
    async def use() -> None:
        found = []
        async for item in store.checkpoint("c", range(5)):
            found.append(item)
            if item == 2:
                break
        found += [item async for item in store.aio.checkpoint("c", range(5))]
        assert found == [0, 1, 2, 2, 3, 4]

        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return 2 * number

        assert await store.aio.checkpoint("m", range(3)).map(double) == [0, 2, 4]
        await store.aio.checkpoint("m", range(3)).reset()
        with pytest.raises(TypeError, match="nothing to iterate over"):
            async for _ in store.aio:
                pass

    asyncio.run(use())
    assert store.list_keys() == ["c"]


# -- others ----------------------------------------------------------------------------------------


def test_one_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_PATIENCE", 0.05)
    for item in store.checkpoint("c", [1, 2]):
        for act in (list, lambda one: one.map(str), Checkpoint.reset):
            with pytest.raises(fsstore.LockTimeout) as caught:
                act(store.checkpoint("c", [1, 2]))
            assert caught.value.agent == "tester"
        assert list(store.checkpoint(f"other {item}", [1])) == [1]
    assert list(store.checkpoint("c", [1, 2])) == []


def test_a_person_may_say_how_far_it_is(store: Store) -> None:
    assert list(store.checkpoint("c", range(5))) == [0, 1, 2, 3, 4]
    store.merge("c", {"done": 3, "note": "once more, please"})
    assert list(store.checkpoint("c", range(5))) == [3, 4]
    assert store["c"]["note"] == "once more, please"
    store.set("c", {"done": 1})
    assert list(store.checkpoint("c", range(5))) == [1, 2, 3, 4]


def test_who_is_at_it_sees_that_somebody_else_has_changed_it(store: Store) -> None:
    with pytest.raises(fsstore.Conflict, match="somebody else has changed it"):
        for item in store.checkpoint("c", range(5)):
            if item == 2:
                store.merge("c", {"done": 1})
    assert list(store.checkpoint("c", range(5))) == [1, 2, 3, 4]


@pytest.mark.parametrize("value", [5, [], {"done": -1}, {"done": "x"}, {"done": True}, {"what": 1}])
def test_a_file_that_makes_no_sense_names_itself(store: Store, value: Any) -> None:
    store.set("c", value)
    one = store.checkpoint("c", [1])
    for act in (list, lambda one: one.map(str), lambda one: one.done):
        with pytest.raises(fsstore.BadValue, match=r"c\.json.*reset\(\)"):
            act(one)
    one.reset()
    assert list(one) == [1]


def test_a_file_that_is_no_json_names_itself(disk: Store, root: Path) -> None:
    disk.set("c", {"done": 1})
    (root / "default" / "c.json").write_text('{"done": 1')
    with pytest.raises(fsstore.BadValue, match=r"c\.json"):
        list(disk.checkpoint("c", [1, 2]))
    disk.checkpoint("c", [1, 2]).reset()
    assert list(disk.checkpoint("c", [1, 2])) == [1, 2]


# -- kill -9 ---------------------------------------------------------------------------------------

ITEMS = list(range(60))
Work = Callable[[Store, Callable[[int], None]], None]


def loop(store: Store, act: Callable[[int], None]) -> None:
    for item in store.checkpoint("c", ITEMS):
        act(item)


def mapped(store: Store, act: Callable[[int], None]) -> None:
    def double(item: int) -> int:
        act(item)
        return 2 * item

    assert store.checkpoint("c", ITEMS).map(double) == [2 * item for item in ITEMS]


def awaited(store: Store, act: Callable[[int], None]) -> None:
    async def use() -> None:
        async for item in store.checkpoint("c", ITEMS):
            act(item)

    asyncio.run(use())


def killed(root: Path, work: Work, moment: int, notes: Path) -> bool:
    """Do the work in a process that is killed at its n-th moment; whether it was. What it does for an item is noted.

    The moments are before and after what is done for an item, and after each call of the store.
    """

    def child() -> None:
        out = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        passed = 0

        def pass_moment(*args: Any) -> None:
            nonlocal passed
            passed += 1
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        def act(item: int) -> None:
            pass_moment()
            os.write(out, f"{item}\n".encode())
            pass_moment()

        with fsstore.open(root, agent="child", ops=pass_moment) as store:
            work(store, act)

    code = os.waitstatus_to_exitcode(os.waitpid(fork(child), 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def noted(notes: Path) -> list[int]:
    return [int(each) for each in notes.read_text().split()] if notes.exists() else []


def complaint(done: list[int], kills: int) -> str | None:
    """What is wrong with the items in the order in which they were done, over so many kills, if anything."""
    if sorted(set(done)) != ITEMS:
        return f"left out: {sorted(set(ITEMS) - set(done))}"
    if len(done) > len(ITEMS) + kills:
        return f"{len(done) - len(ITEMS)} items were repeated by {kills} kills"
    if done != sorted(done):  # more than the one in hand was repeated, or they came in another order
        return f"not in order: {done}"
    return None


@pytest.mark.parametrize("work", [loop, mapped, awaited])
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_twenty_random_points(work: Work, seed: int, root: Path, tmp_path: Path) -> None:
    """Each process is killed a few moments after it has begun, and the next one goes on."""
    fsstore.open(root).close()
    random_moment = random.Random(seed)
    notes = tmp_path / "notes"
    kills = sum(killed(root, work, random_moment.randint(1, 12), notes) for _ in range(20))
    assert kills == 20
    assert not killed(root, work, 0, notes)
    assert complaint(noted(notes), kills) is None


@pytest.mark.parametrize("work", [loop, mapped])
def test_killed_at_each_moment_of_two_items(work: Work, root: Path, tmp_path: Path) -> None:
    """Every moment there is, each in a store of its own."""
    for moment in range(1, 14):
        at, notes = tmp_path / f"{moment}", tmp_path / f"{moment}.notes"
        fsstore.open(at).close()
        assert killed(at, work, moment, notes)
        assert not killed(at, work, 0, notes)
        assert complaint(noted(notes), 1) is None


def noted_before_it_is_done(self: Checkpoint) -> Iterator[Any]:
    with self._lock():
        course = self._begin()
        while course.advance():
            item = course.item
            self._note(course)
            yield item


def never_noted(self: Checkpoint) -> Iterator[Any]:
    yield from self._items


@pytest.mark.parametrize("flawed", [noted_before_it_is_done, never_noted])
def test_a_flaw_is_seen_in_the_loop(
    flawed: Callable[[Checkpoint], Iterator[Any]], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "__iter__", flawed)
    with pytest.raises(AssertionError, match=r"left out|repeated|not in order"):
        test_killed_at_each_moment_of_two_items(loop, root, tmp_path)


def test_a_flaw_is_seen_a_result_that_is_noted_apart(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(self: Checkpoint, course: Any, result: tuple[Any, ...] = ()) -> None:
        before, after = course.number, course.next_record()
        self._space.update(self.name, lambda value: self._following(value, before, after))
        self._space.set(self._result_key(before), result[0])
        course.number += 1

    monkeypatch.setattr(Checkpoint, "_note", apart)
    with pytest.raises(AssertionError):  # the process that goes on ends with an error: a result is missing
        test_killed_at_each_moment_of_two_items(mapped, root, tmp_path)


HOLDER = """
import sys, fsstore
with fsstore.open(sys.argv[1], agent="holder") as store:
    for item in store.checkpoint("c", [1, 2, 3]):
        print(item, flush=True)
        sys.stdin.readline()
"""


def test_a_killed_process_lets_go_at_once(disk: Store, root: Path) -> None:
    holder = start(HOLDER, root)
    assert line(holder) == "1"
    tell(holder, "go on")
    assert line(holder) == "2"
    with pytest.raises(fsstore.LockTimeout, match="holder"):
        list(disk.checkpoint("c", [1, 2, 3]))
    holder.kill()
    holder.wait(PATIENCE)
    assert list(disk.checkpoint("c", [1, 2, 3])) == [2, 3]


ODD: list[Any] = [{1: "a", "b": 2}, {(1, 2): 3}, {"nested": [{None: 1, "x": 2}]}, {"deep": b"\xff"}]


@pytest.mark.parametrize("item", ODD, ids=repr)
def test_items_that_json_has_no_form_for_are_told_apart(store: Store, item: Any) -> None:
    assert store.checkpoint("c", [item, 1]).map(lambda item: 1, limit=1) == [1]
    assert store.checkpoint("c", [item, 1]).done == 1
    with pytest.raises(fsstore.Conflict, match="are not those that they were"):
        list(store.checkpoint("c", [{**item, 7: 7}, 1]))
    assert list(store.checkpoint("c", [item, 1])) == [1]


def test_what_an_address_alone_tells_apart_is_the_same_in_another_process(store: Store) -> None:
    class Thing:
        """Its ``repr`` is the usual one."""

    first, *others = ({1: Thing(), "b": 2} for _ in range(3))
    store.checkpoint("c", [first, 1]).map(lambda item: 1, limit=1)
    assert list(store.checkpoint("c", [others[0], 1])) == [1]


def test_an_item_that_holds_itself_is_an_item(store: Store) -> None:
    item: list[Any] = []
    item.append(item)
    assert len(list(store.checkpoint("c", [item, 1]))) == 2


def test_what_lies_beside_its_results_is_left_alone(store: Store) -> None:
    checkpoint = store.checkpoint("c", range(3))
    checkpoint.map(str)
    others = {
        "c:results:jobs:500:x": {"item": 1},
        "c:results:000000:0001": 1,
        "c:results:00000:000": 1,
        "c:resultsx": 1,
    }
    store.set_many(others)
    assert checkpoint.map(str) == ["0", "1", "2"]
    checkpoint.reset()
    assert store.get_all() == others


def noted_after_it_let_go(store: Store, monkeypatch: pytest.MonkeyPatch, patience: float) -> bool:
    """Whether somebody who is cancelled while an item is being noted has let go of the lock before it is."""
    loops: list[asyncio.AbstractEventLoop] = []
    tasks: list[asyncio.Task[None]] = []
    has_ended = threading.Event()
    early: list[bool] = []
    sound = Checkpoint._note

    def note(self: Checkpoint, *args: Any) -> None:
        cancel_from_within(loops[0], tasks[0])
        early.append(has_ended.wait(patience))
        sound(self, *args)

    async def loop() -> None:
        async for _ in store.checkpoint("c", range(3)):
            pass

    async def story() -> None:
        loops.append(asyncio.get_running_loop())
        tasks.append(asyncio.create_task(loop()))
        tasks[0].add_done_callback(lambda _: has_ended.set())
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "_note", note)
        asyncio.run(story())
    assert store.checkpoint("c", range(3)).done == 1
    return early[0]


def test_who_is_cancelled_lets_go_when_the_item_is_noted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not noted_after_it_let_go(store, monkeypatch, 0.1)
    assert list(store.checkpoint("c", range(3))) == [1, 2]


def test_a_flaw_is_seen_who_is_cancelled_lets_go_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "to_its_end", asyncio.to_thread)
    assert noted_after_it_let_go(store, monkeypatch, PATIENCE)
