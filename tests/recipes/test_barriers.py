"""A barrier releases all of its parties or none, counts nobody who died, and is there again for the next round."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import BadValue, Barrier, Closed, Conflict, Store, WaitTimeout
from fsstore.steps import Waiting

from .crews import PATIENCE, crew, until

PROCESSES = 8
SHORTLY = 0.2


def arrived(store: Store, parties: int = 2, name: str = "b") -> int:
    return store.barrier(name, parties).waiting()


def come(pool: ThreadPoolExecutor, store: Store, parties: int = 2) -> Future[int]:
    """Somebody more comes, and has come when this returns."""
    before = arrived(store, parties)
    made = pool.submit(store.barrier("b", parties).wait, PATIENCE)
    until(lambda: arrived(store, parties) > before or made.done())
    return made


# -- who counts, and flaws --------------------------------------------------------------------------


def the_killed_do_not_count(root: Path) -> None:
    with crew(root, "barrier", 1, parties=2, times=1) as others, fsstore.open(root / "store", git=False) as store:
        others.begin()
        until(lambda: arrived(store, name="crew") == 1)
        others.processes[0].kill()
        others.processes[0].wait()
        with pytest.raises(WaitTimeout):
            index = store.barrier("crew", 2).wait(timeout=SHORTLY)
            raise AssertionError(f"released with {index}, and nobody else lives")
        assert store.get("crew") == {"parties": 2, "waiting": [], "released": {}}


def who_gave_up_does_not_count(root: Path) -> None:
    with fsstore.open(root / "store", git=False) as store:
        with pytest.raises(WaitTimeout):
            store.barrier("b", 2).wait(timeout=0)
        with pytest.raises(WaitTimeout):
            index = store.barrier("b", 2).wait(timeout=0)
            raise AssertionError(f"released with {index}, by somebody who gave up")


def who_is_released_in_the_last_instant_is(root: Path) -> None:
    """The time is over, and before that is told the other one comes: both are released."""

    class Late(Barrier):
        __slots__ = ()

        def _change(self, me: str, left: float | None) -> Waiting:
            def over() -> None:
                others.append(store.barrier("b", 2).wait(timeout=0))
                raise WaitTimeout("the time is over", seconds=0.0)

            async def never() -> None: ...

            return Waiting(over, never)

    others: list[int] = []
    with fsstore.open(root / "store", git=False) as store:
        try:
            found = Late(store, "b", 2).wait(timeout=0)
        except WaitTimeout as error:
            raise AssertionError("the other was released alone") from error
        assert (found, others) == (0, [1])


def a_slow_one_is_released_though_others_are_by_then_in_later_rounds(root: Path) -> None:
    """Two rounds of others are over before the first one looks again: its release is not forgotten."""

    class Slow(Barrier):
        __slots__ = ()

        def _change(self, me: str, left: float | None) -> Waiting:
            def rounds() -> None:
                if found:
                    raise WaitTimeout("it was not released", seconds=0.0)
                found.append(store.barrier("b", 2).wait(timeout=0))
                with ThreadPoolExecutor(2) as pool:
                    for _ in range(2):
                        pairs = [come(pool, store), pool.submit(store.barrier("b", 2).wait, PATIENCE)]
                        found.extend(sorted(each.result() for each in pairs))

            async def never() -> None: ...

            return Waiting(rounds, never)

    found: list[int] = []
    with fsstore.open(root / "store", git=False) as store, ThreadPoolExecutor(1) as alone:
        slow = alone.submit(Slow(store, "b", 2).wait, SHORTLY)
        try:
            index = slow.result(PATIENCE)
        except (TimeoutError, WaitTimeout) as error:
            raise AssertionError("its release was forgotten") from error
        assert (index, found) == (0, [1, 0, 1, 0, 1])


def _keep_only_the_last(self: Barrier, waiting: list[str], released: dict[str, int]) -> dict[str, Any]:
    newest = dict(list(released.items())[-(self.parties - 1) :])
    return {"parties": self.parties, "waiting": waiting, "released": newest}


def _leave_nothing(self: Barrier, me: str) -> None:
    """Give up, and do not look whether all were released."""
    self._space.update(
        self.name, lambda value: self._value([each for each in value["waiting"] if each != me], value["released"])
    )


Scenario = Callable[[Path], None]
FLAWS: dict[str, tuple[str, Any, Scenario]] = {
    "the dead count": ("_lives", lambda self, who: True, the_killed_do_not_count),
    "who gives up stays": ("_go", lambda self, me: None, who_gave_up_does_not_count),
    "who gives up does not look": ("_go", _leave_nothing, who_is_released_in_the_last_instant_is),
    "one release is remembered": (
        *("_value", _keep_only_the_last),
        a_slow_one_is_released_though_others_are_by_then_in_later_rounds,
    ),
}
SCENARIOS: tuple[Scenario, ...] = (
    the_killed_do_not_count,
    who_gave_up_does_not_count,
    who_is_released_in_the_last_instant_is,
    a_slow_one_is_released_though_others_are_by_then_in_later_rounds,
)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_sound_barriers_pass(scenario: Scenario, tmp_path: Path) -> None:
    scenario(tmp_path)


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attribute, flawed, scenario = FLAWS[name]
    if name == "who gives up stays":  # its lock would say that it is gone
        monkeypatch.setattr(Barrier, "_lives", lambda self, who: True)
    monkeypatch.setattr(Barrier, attribute, flawed)  # which must be there
    with pytest.raises(AssertionError):
        scenario(tmp_path)


def test_eight_processes_go_when_all_have_come_round_after_round(tmp_path: Path) -> None:
    rounds = 5
    with crew(tmp_path, "barrier", PROCESSES, parties=PROCESSES, times=rounds) as workers:
        workers.begin()
        workers.finish()
        seen = [what.split() for _, what in workers.lines()]
    for number in range(rounds):
        mine = [(what, rest) for what, of, *rest in seen if of == str(number)]
        assert [what for what, _ in mine] == ["comes"] * PROCESSES + ["goes"] * PROCESSES
        assert sorted(rest[0] for what, rest in mine if what == "goes") == [str(index) for index in range(PROCESSES)]


def test_the_killed_are_replaced_by_others(tmp_path: Path) -> None:
    with (
        crew(tmp_path, "barrier", PROCESSES - 1, parties=PROCESSES, times=1) as first,
        fsstore.open(tmp_path / "store", git=False) as store,
    ):
        first.begin()
        until(lambda: arrived(store, PROCESSES, "crew") == PROCESSES - 1)
        for process in first.processes[:3]:
            process.kill()
            process.wait()
        assert arrived(store, PROCESSES, "crew") == PROCESSES - 4
        with crew(tmp_path, "barrier", 4, parties=PROCESSES, times=1) as more:
            more.begin()
            more.finish()
            first.finish()
        assert store.get("crew") == {"parties": PROCESSES, "waiting": [], "released": {}}


def test_tasks_wait_for_one_another_on_one_thread(store: Store) -> None:
    async def story() -> list[int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return await asyncio.gather(*(store.barrier("b", 50).wait.awaited(PATIENCE) for _ in range(50)))

    assert sorted(asyncio.run(story())) == list(range(50))


def test_a_task_that_is_cancelled_does_not_count(store: Store) -> None:
    async def story() -> None:
        task = asyncio.create_task(store.barrier("b", 2).wait.awaited())
        await asyncio.to_thread(until, lambda: arrived(store) == 1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(story())
    assert (arrived(store), store.get("b")["waiting"]) == (0, [])


def test_one_party_does_not_wait(store: Store) -> None:
    assert [store.barrier("b", 1).wait(timeout=0) for _ in range(3)] == [0, 0, 0]


def test_who_waits_comes_anew_when_the_key_was_deleted(store: Store) -> None:
    with ThreadPoolExecutor(3) as pool:
        first = come(pool, store, 3)
        store.delete("b")
        others = [pool.submit(store.barrier("b", 3).wait, PATIENCE) for _ in range(2)]
        assert sorted(each.result(PATIENCE) for each in (first, *others)) == [0, 1, 2]


def test_a_barrier_that_somebody_breaks_by_hand_is_told_to_who_waits(store: Store) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = come(pool, store)
        store.set("b", "broken")
        with pytest.raises(BadValue, match=r"key 'b' of namespace 'default' .*a barrier is an object with"):
            waiting.result(PATIENCE)
    assert store.get("b") == "broken"


def test_a_store_that_is_closed_meanwhile_is_told_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, fsstore.open(tmp_path / "store", git=False) as store:
        waiting = come(pool, store)
        store.close()
        with pytest.raises(Closed) as raised:
            waiting.result(PATIENCE)
        assert not isinstance(raised.value.__context__, Closed)


def test_a_timeout_tells_how_many_are_waited_for(store: Store) -> None:
    with pytest.raises(WaitTimeout, match=r"barrier 'b' .* waits for 2, who had not all come within 0 s") as raised:
        store.barrier("b", 2).wait(timeout=0)
    assert raised.value.seconds == 0


def test_all_must_say_the_same(store: Store) -> None:
    assert (arrived(store), store.list_keys()) == (0, [])  # who only asks leaves nothing
    with pytest.raises(WaitTimeout):
        store.barrier("b", 2).wait(0)
    with pytest.raises(Conflict, match="parties 2, not 3"):
        store.barrier("b", 3).wait(0)


GOOD: dict[str, Any] = {"parties": 2, "waiting": [], "released": {}}
BAD: list[Any] = [None, [], {}, GOOD | {"waiting": None}, GOOD | {"waiting": [5]}, GOOD | {"released": {"a": "b"}}]


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_key_that_is_no_barrier_is_told(store: Store, value: Any) -> None:
    store.set("b", value)
    with pytest.raises(BadValue, match=r"key 'b' of namespace 'default' .*a barrier is an object with"):
        store.barrier("b", 2).wait(0)


@pytest.mark.parametrize("parties", [0, 1.5, True, "2"], ids=repr)
def test_no_parties(store: Store, parties: Any) -> None:
    with pytest.raises(ValueError, match="parties="):
        store.barrier("b", parties)
    with pytest.raises(ValueError, match="no number of seconds"):
        store.barrier("b", 2).wait(timeout=-1)
