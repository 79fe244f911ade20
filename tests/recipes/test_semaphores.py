"""A semaphore's slots are never more than its limit, whoever holds them and however their holders end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from steps_flaws import cancel_from_within

import fsstore
from fsstore import BadValue, Conflict, LockTimeout, Semaphore, Store

from .crews import PATIENCE, crew, until

PROCESSES = 8


def taken(store: Store, n: int = 2) -> int:
    return len(store.semaphore("s", n).holders())


# -- limits, and flaws ------------------------------------------------------------------------------


def only_so_many(root: Path) -> None:
    with fsstore.open(root / "store", git=False) as store:
        held = [store.semaphore("s", 3).acquire(timeout=0) for _ in range(3)]
        with pytest.raises(LockTimeout), store.semaphore("s", 3, timeout=0):
            raise AssertionError("four are in")
        held.pop().release()
        held.append(store.semaphore("s", 3).acquire(timeout=0))
        for slot in held:
            slot.release()


def the_killed_hold_nothing(root: Path) -> None:
    with crew(root, "hold", 2, n=2) as holders, fsstore.open(root / "store", git=False) as store:
        holders.begin()
        until(lambda: len(holders.lines()) == 2)
        with pytest.raises(LockTimeout) as raised, store.semaphore("crew", 2, timeout=0):
            raise AssertionError("three are in")
        assert raised.value.agent == "crew"
        assert all(str(process.pid) in str(raised.value) for process in holders.processes)
        for process in holders.processes:
            process.kill()
            process.wait()
        try:
            for slot in [store.semaphore("crew", 2).acquire(timeout=0) for _ in range(2)]:
                slot.release()
        except LockTimeout as error:
            raise AssertionError("the dead hold their slots") from error


def the_cancelled_hold_nothing(root: Path) -> None:
    """Cancelled when the slot was just taken, and not given yet."""
    with fsstore.open(root / "store", git=False) as store:
        loops: list[asyncio.AbstractEventLoop] = []
        tasks: list[asyncio.Task[Any]] = []

        class Interrupted(Semaphore):
            __slots__ = ()

            def _try_all(self) -> Any:
                found = super()._try_all()
                cancel_from_within(loops[0], tasks[0])
                return found

        async def story() -> None:
            loops.append(asyncio.get_running_loop())
            task = asyncio.create_task(Interrupted(store, "s", 2).acquire.awaited())
            tasks.append(task)
            await asyncio.wait([task])
            assert task.cancelled()

        asyncio.run(story())
        assert taken(store) == 0, "nobody has it, and it is held"


def _one_more(self: Semaphore) -> Any:
    for number in range(self.limit + 1):
        try:
            return self._slot(number, 0).__enter__()
        except LockTimeout:
            continue
    return None


class _Note:
    """A slot that is a key: whoever dies has it for ever."""

    def __init__(self, semaphore: Semaphore, number: int) -> None:
        self.space, self.key = semaphore._space, f"{semaphore.name}:{number}"

    def __enter__(self) -> Any:
        try:
            self.space.create(self.key, 1)
        except Conflict:
            raise LockTimeout("held", agent="crew") from None
        return self

    def release(self) -> None:
        self.space.delete(self.key)


def _unlocked(self: Semaphore, number: int, timeout: float) -> Any:
    _made.append(number)
    return self._space.lock(f"{len(_made)}", timeout=timeout)


_made: list[int] = []


def _forgetting(self: Semaphore, timeout: float | None = None) -> Any:
    slot = self._try_all()
    yield from ()
    if slot is None:
        raise LockTimeout("all are held")
    return slot


FLAWS: dict[str, tuple[str, Any, Callable[[Path], None]]] = {
    "one slot more": ("_try_all", _one_more, only_so_many),
    "no lock": ("_slot", _unlocked, only_so_many),
    "slots are keys": ("_slot", lambda self, number, timeout: _Note(self, number), the_killed_hold_nothing),
    "the cancelled are not asked": ("acquire", fsstore.steps.waiting(_forgetting), the_cancelled_hold_nothing),
}
SCENARIOS = (only_so_many, the_killed_hold_nothing, the_cancelled_hold_nothing)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_sound_semaphores_pass(scenario: Callable[[Path], None], tmp_path: Path) -> None:
    scenario(tmp_path)


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_seen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attribute, flawed, scenario = FLAWS[name]
    monkeypatch.setattr(Semaphore, attribute, flawed)  # which must be there
    with pytest.raises(AssertionError):
        scenario(tmp_path)


def test_eight_processes_are_never_more_than_the_limit(tmp_path: Path) -> None:
    limit, times = 3, 15
    with crew(tmp_path, "semaphore", PROCESSES, n=limit, times=times) as workers:
        workers.begin()
        workers.finish()
        inside: set[str] = set()
        for who, what in workers.lines():
            if what == "in":
                assert who not in inside
                inside.add(who)
                assert len(inside) <= limit
            else:
                inside.remove(who)
        assert len(workers.lines()) == 2 * PROCESSES * times
    with fsstore.open(tmp_path / "store", git=False) as store:
        assert (store.get("crew"), store.get("work")) == ({"limit": limit}, PROCESSES * times)


def test_threads_share_one_object(store: Store) -> None:
    shared = store.semaphore("s", 2, timeout=PATIENCE)
    mutex, inside, most = threading.Lock(), 0, []
    both = threading.Barrier(2)

    def work(number: int) -> None:
        nonlocal inside
        with shared as slot:
            with mutex:
                inside += 1
                most.append(inside)
            if number < 2:
                both.wait(PATIENCE)
            assert store.locked_by(slot.name) is not None
            with mutex:
                inside -= 1

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(30)))
    assert max(most) <= 2
    assert taken(store) == 0


def test_fifty_tasks_share_one_object_on_few_threads(store: Store) -> None:
    inside, most = 0, []
    shared = store.aio.semaphore("s", 3, timeout=PATIENCE)

    async def work() -> None:
        nonlocal inside
        async with shared:
            inside += 1
            most.append(inside)
            await asyncio.sleep(0)
            inside -= 1

    async def story() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await asyncio.gather(*(work() for _ in range(50)))

    asyncio.run(story())
    assert (len(most), max(most) <= 3, taken(store, 3)) == (50, True, 0)


def test_a_task_that_is_cancelled_inside_lets_go(store: Store) -> None:
    async def story() -> None:
        inside = asyncio.Event()

        async def work() -> None:
            async with store.semaphore("s", 2):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await inside.wait()
        assert taken(store) == 1
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(story())
    assert taken(store) == 0


def test_around_functions(store: Store) -> None:
    shared = store.semaphore("s", 2)

    @shared
    def plain(number: int) -> int:
        """Say how many are in."""
        return number + taken(store)

    @shared
    async def awaited(number: int) -> int:
        return number + await asyncio.to_thread(taken, store)

    assert (plain(1), plain.__doc__, asyncio.run(awaited(2)), taken(store)) == (2, "Say how many are in.", 3, 0)


def test_a_lease_ends_and_the_write_of_its_holder_is_refused(store: Store) -> None:
    slot = store.semaphore("s", 1, ttl=0.01).acquire()
    with store.semaphore("s", 1, timeout=PATIENCE), pytest.raises(fsstore.LeaseLost):
        store.set("k", 1, lease=slot)


def test_the_same_name_elsewhere_is_another_one(store: Store) -> None:
    spaces = [
        store.use_namespace("a:b").semaphore("c", 1, timeout=0),
        store.use_namespace("a").semaphore("b:c", 1, timeout=0),
    ]
    with spaces[0], spaces[1], store.semaphore("c", 1, timeout=0):
        pass


def test_all_must_say_the_same_limit(store: Store) -> None:
    with store.semaphore("s", 2):
        pass
    with pytest.raises(Conflict, match=r"limit 2, not 3.*edit or delete key 's'"), store.semaphore("s", 3):
        pass
    store.set("s", {"limit": 3})
    with store.semaphore("s", 3):
        pass


@pytest.mark.parametrize("value", [None, 3, [], {}, {"limit": "3"}, {"limit": True}], ids=repr)
def test_a_key_that_is_no_semaphore_is_told(store: Store, value: Any) -> None:
    store.set("s", value)
    with (
        pytest.raises(BadValue, match=r"key 's' .*a semaphore is an object with"),
        store.semaphore("s", 3),
    ):
        pass


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store", git=False) as store:
        (tmp_path / "store/default").mkdir()
        (tmp_path / "store/default/s.json").write_text('{"limit": 3')
        with pytest.raises(BadValue, match=r"s\.json"), store.semaphore("s", 3):
            pass


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3", None], ids=repr)
def test_no_number_of_slots(store: Store, n: Any) -> None:
    with pytest.raises(ValueError, match="n="):
        store.semaphore("s", n)


@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"ttl": 0}], ids=repr)
def test_no_time(store: Store, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        store.semaphore("s", 1, **wrong)
