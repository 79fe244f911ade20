"""The queue of a subscription by itself: what events of one key come to, its bound, and that a consumer is woken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fsstore import Closed, Event
from fsstore.events import Kind, Told
from fsstore.watching.entries import Action, Entry, Name
from fsstore.watching.pending import ENDED, FOREVER, Pending

from .helpers import PATIENCE, wait_until


def a_mark(number: int) -> bytes:
    return number.to_bytes(20, "big") if number else b""


def an_event(kind: Kind, new: int = 0, old: int = 0, key: str = "k", **fields: Any) -> Event:
    """An event of a key whose content is numbered, 0 being nothing."""
    return Event(kind, "n", key, new or None, a_mark(new), a_mark(old))._replace(**fields)


def a_queue(kind: type[Pending] = Pending, **options: Any) -> Pending:
    """One whose initial state is told already: nothing."""
    pending = kind(**options)
    pending.settle(None, ready=False)
    return pending


def taken(pending: Pending) -> list[Event]:
    """All that can be had at once."""
    return [entry[0] for entry in entries(pending)]


def entries(pending: Pending) -> Iterator[Entry]:
    while not isinstance(found := pending.poll(), float):
        if isinstance(found, tuple):
            yield found
        else:
            found()


C: Kind = "created"
U: Kind = "updated"
D: Kind = "deleted"
I: Kind = "invalid"  # noqa: E741
# The events that wait, as kind, new and old content; what they are told as, to one who reads beside, and to one who
# knows of keys from the events alone.
MERGES: dict[str, tuple[list[tuple[Kind, int, int]], tuple[Kind, int, int, int] | None, bool]] = {
    "one": ([(C, 1, 0)], (C, 1, 0, 0), False),
    "created, updated": ([(C, 1, 0), (U, 2, 1)], (C, 2, 0, 1), False),
    "created, updated twice": ([(C, 1, 0), (U, 2, 1), (U, 3, 2)], (C, 3, 0, 2), False),
    "created, deleted": ([(C, 1, 0), (D, 0, 1)], (D, 0, 0, 1), False),
    "created, deleted, known from events": ([(C, 1, 0), (D, 0, 1)], None, True),
    "created, deleted, created": ([(C, 1, 0), (D, 0, 1), (C, 2, 0)], (C, 2, 0, 2), False),
    "created, deleted, created, known from events": ([(C, 1, 0), (D, 0, 1), (C, 2, 0)], (C, 2, 0, 2), True),
    "updated, updated": ([(U, 2, 1), (U, 3, 2)], (U, 3, 1, 1), False),
    "updated, deleted": ([(U, 2, 1), (D, 0, 2)], (D, 0, 1, 1), True),
    "deleted, created": ([(D, 0, 1), (C, 2, 0)], (U, 2, 1, 1), True),
    "deleted, created, deleted": ([(D, 0, 1), (C, 2, 0), (D, 0, 2)], (D, 0, 1, 2), True),
    "updated, deleted, created, updated": ([(U, 2, 1), (D, 0, 2), (C, 3, 0), (U, 4, 3)], (U, 4, 1, 3), True),
    "created, invalid": ([(C, 1, 0), (I, 2, 1)], (I, 2, 0, 1), False),
    "created, invalid, updated": ([(C, 1, 0), (I, 2, 1), (U, 3, 2)], (C, 3, 0, 2), True),
    "updated, invalid": ([(U, 2, 1), (I, 3, 2)], (I, 3, 1, 1), True),
    "invalid, updated": ([(I, 2, 1), (U, 3, 2)], (U, 3, 1, 1), True),
    "invalid from the beginning, updated": ([(I, 2, 0), (U, 3, 2)], (C, 3, 0, 1), False),
    "invalid, created": ([(I, 2, 0), (C, 3, 0)], (C, 3, 0, 1), True),
    "invalid, deleted": ([(I, 2, 1), (D, 0, 2)], (D, 0, 1, 1), True),
}


@pytest.mark.parametrize(("waiting", "comes_to", "gathers"), MERGES.values(), ids=MERGES.keys())
def test_what_events_of_one_key_come_to(
    waiting: list[tuple[Kind, int, int]], comes_to: tuple[Kind, int, int, int] | None, gathers: bool
) -> None:
    pending = a_queue(gathers=gathers)
    for kind, new, old in waiting:
        pending.put(an_event(kind, new, old))
    found = [
        (event.kind, event.value or 0, int.from_bytes(event.old_mark, "big"), event.merged) for event in taken(pending)
    ]
    assert found == ([] if comes_to is None else [comes_to])


def test_all_but_what_was_before_is_that_of_the_newest() -> None:
    pending = a_queue()
    pending.put(an_event("created", 1, at=1.0, commit="a", own=False))
    newest = an_event("updated", 2, 1, at=2.0, commit="b", own=True, merged=4)
    pending.put(newest)
    assert taken(pending) == [newest._replace(kind="created", old_mark=b"", merged=5)]


def test_an_event_keeps_its_place_when_others_are_merged_in_it() -> None:
    pending = a_queue()
    for key in "abcab":
        pending.put(an_event("updated", 1, 2, key=key))
    assert [(event.key, event.merged) for event in taken(pending)] == [("a", 1), ("b", 1), ("c", 0)]


def test_what_was_handed_on_is_not_merged_any_more() -> None:
    pending = a_queue(gathers=True)
    pending.put(an_event("created", 1))
    assert [event.kind for event in taken(pending)] == ["created"]
    pending.put(an_event("deleted", 0, 1))
    assert [event.kind for event in taken(pending)] == ["deleted"]


# -- the bound ---------------------------------------------------------------------------------------


def test_beyond_the_bound_all_is_dropped() -> None:
    state: Told = {"n": {"k": a_mark(7)}}
    pending = a_queue(bound=3, told=lambda: state)
    for key in "abc":
        pending.put(an_event("created", 1, key=key))
    pending.put(an_event("updated", 2, 1, key="a"))
    assert pending.count() == 3
    pending.put(an_event("created", 1, key="d"))
    pending.put(an_event("created", 1, key="e"))
    (event, *_, told), (after, *_) = entries(pending)
    assert (event.kind, event.merged, told) == ("resync", 4, state)
    assert after.key == "e"


def test_there_is_one_resync_however_often_all_is_dropped() -> None:
    pending = a_queue(bound=3)
    for number in range(100):
        pending.put(an_event("created", 1, key=str(number)))
    resync, *others = taken(pending)
    assert resync.kind == "resync"
    assert {event.kind for event in others} <= {"created"}
    assert resync.merged + len(others) == 100


def test_after_a_resync_it_is_told_that_a_key_is_gone() -> None:
    """Whoever reads anew may have seen a key whose creation is still to be told."""
    pending = a_queue(bound=1, gathers=True)
    pending.put(an_event("created", 1, key="a"))
    pending.put(an_event("created", 1, key="b"))
    assert [event.kind for event in taken(pending)] == ["resync"]
    pending.put(an_event("created", 1, key="c"))
    pending.put(an_event("deleted", 0, 1, key="c"))
    assert [event.kind for event in taken(pending)] == ["deleted"]


def test_an_initial_state_is_on_top_of_the_bound_as_long_as_it_waits() -> None:
    pending = Pending(bound=2)
    for number in range(10):
        pending.put(an_event("created", 1, key=str(number)))
    pending.settle(None, ready=True)
    pending.put(an_event("created", 1, key="a"))
    pending.put(an_event("created", 1, key="b"))
    assert pending.count() == 13
    found = taken(pending)
    assert [event.kind for event in found] == ["created"] * 10 + ["ready"] + ["created"] * 2
    for key in "cde":
        pending.put(an_event("created", 1, key=key))
    assert [event.kind for event in taken(pending)] == ["resync"]


def test_a_resync_comes_before_what_marks_the_order() -> None:
    pending = Pending(bound=1)
    called: list[str] = []
    pending.settle(lambda: called.append("caught up"), ready=True)
    pending.barrier(lambda: called.append("barrier"))
    for key in "abcdefg":
        pending.put(an_event("created", 1, key=key))
    assert [event.kind for event in taken(pending)] == ["resync", "ready"]
    assert called == ["barrier"]  # what a cursor knows then is that of the resync


# -- what is left out --------------------------------------------------------------------------------


def test_a_prefix_is_one_of_characters() -> None:
    pending = a_queue(prefix="a:")
    for key in ("a:", "a:b", "a", "ab", "b:a:"):
        pending.put(an_event("created", 1, key=key))
    assert [event.key for event in taken(pending)] == ["a:", "a:b"]


def test_an_own_write_takes_away_what_waits_of_its_key() -> None:
    """It is the last state, and this process knows it."""
    pending = a_queue(own=False)
    pending.put(an_event("created", 1))
    pending.put(an_event("created", 1, key="other"))
    pending.put(an_event("updated", 2, 1, own=True))
    assert [event.key for event in taken(pending)] == ["other"]
    pending.put(an_event("updated", 3, 2))
    assert [event.value for event in taken(pending)] == [3]


def test_an_own_write_that_is_not_told_is_noted_in_its_turn() -> None:
    noted: list[tuple[str, str, bytes]] = []
    pending = a_queue(own=False, note=lambda *each: noted.append(each))
    pending.put(an_event("created", 1, key="a"))
    pending.put(an_event("created", 2, own=True))
    assert noted == []
    assert [event.key for event in taken(pending)] == ["a"]
    assert noted == [("n", "k", a_mark(2))]


# -- waiting -----------------------------------------------------------------------------------------


def test_how_long_an_event_waits_for_others_is_counted_from_the_first() -> None:
    pending = a_queue(debounce=1000.0)
    begun = time.monotonic()
    pending.put(an_event("created", 1))
    first = pending.poll()
    assert isinstance(first, float)
    assert 0 < first <= 1000
    wait = begun + 1000 - time.monotonic()
    pending.put(an_event("updated", 2, 1))
    second = pending.poll()
    assert isinstance(second, float)
    assert second < wait + 500
    assert second <= first


def test_an_event_that_waited_long_enough_is_handed_on() -> None:
    pending = a_queue(debounce=0.02)
    for number in range(5):
        pending.put(an_event("updated", number + 2, number + 1))
    found = pending.next(time.monotonic() + PATIENCE)
    assert isinstance(found, tuple)
    assert found[0].value == 6


def test_an_initial_state_does_not_wait_for_others() -> None:
    pending = Pending(debounce=1000.0)
    pending.put(an_event("created", 1))
    pending.settle(None, ready=True)
    assert [event.kind for event in taken(pending)] == ["created", "ready"]


def test_a_barrier_hurries_what_waits_before_it() -> None:
    pending = a_queue(debounce=1000.0)
    called: list[int] = []
    pending.put(an_event("created", 1, key="a"))
    pending.barrier(lambda: called.append(1))
    assert [event.key for event in taken(pending)] == ["a"]
    assert called == [1]
    time.sleep(0.001)
    pending.put(an_event("created", 1, key="b"))
    assert taken(pending) == []


def test_a_barrier_waits_for_what_is_in_hand() -> None:
    pending = a_queue()
    called: list[int] = []
    pending.barrier(lambda: called.append(0))
    assert called == [0]  # there is nothing to wait for
    pending.put(an_event("created", 1))
    entry = pending.poll()
    assert isinstance(entry, tuple)
    pending.barrier(lambda: called.append(1))
    assert called == [0]
    pending.handled(entry)
    assert taken(pending) == []
    assert called == [0, 1]


def test_more_than_can_be_told_while_the_store_is_closed() -> None:
    """It is told to read anew; what was noted before stays, as nobody says any more what is there."""
    pending = a_queue(bound=1, told=lambda: None)
    pending.put(an_event(C, 1, key="a"))
    pending.put(an_event(C, 1, key="b"))
    [entry] = entries(pending)
    assert (entry[0].kind, entry[0].merged, entry[4]) == ("resync", 2, None)


def test_a_deadline_is_kept() -> None:
    pending = a_queue(debounce=1000.0)
    pending.put(an_event("created", 1))
    assert pending.next(time.monotonic() + 0.01) is None
    assert pending.next(time.monotonic() - 1) is None
    assert pending._waiters == []


def test_nobody_waits_after_the_end() -> None:
    pending = a_queue()
    threads = [threading.Thread(target=pending.next, args=(None,)) for _ in range(3)]
    called: list[int] = []
    for thread in threads:
        thread.start()
    pending.barrier(lambda: called.append(1))
    pending.close()
    pending.barrier(lambda: called.append(2))
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert called == [1, 2]
    assert pending.poll() == ENDED
    pending.put(an_event("created", 1))
    assert pending.count() == 0


def test_what_waits_is_handed_on_before_an_end_that_nobody_asked_for() -> None:
    pending = a_queue()
    pending.put(an_event("created", 1))
    pending.end(Closed("why"))
    assert [event.kind for event in taken(pending)] == ["created"]
    assert pending.is_over
    assert str(pending.error) == "why"


def test_a_signal_handler_may_close_what_its_thread_is_looking_at() -> None:
    pending = a_queue()
    with pending._lock:  # as in the middle of a poll
        pending.close()
    assert pending.poll() == ENDED


@pytest.mark.parametrize("debounce", [0.0, 0.001])
def test_whatever_threads_do_the_last_state_of_each_key_is_handed_on(debounce: float) -> None:
    pending = a_queue(debounce=debounce)
    told: dict[str, int] = {}
    mutex = threading.Lock()

    def consume() -> None:
        while (found := pending.next(None)) is not None:
            assert isinstance(found, tuple)
            event = found[0]
            with mutex:
                told[event.key] = max(told.get(event.key, 0), event.value)

    def produce(name: str) -> None:
        for number in range(1, 2001):
            pending.put(an_event("updated", number, number - 1, key=f"{name}{number % 7}"))

    consumers = [threading.Thread(target=consume) for _ in range(3)]
    producers = [threading.Thread(target=produce, args=(name,)) for name in "ab"]
    for thread in [*consumers, *producers]:
        thread.start()
    for thread in producers:
        thread.join()
    wanted = {f"{name}{number % 7}": number for name in "ab" for number in range(1, 2001)}
    wait_until(lambda: told == wanted)
    pending.close()
    for thread in consumers:
        thread.join(PATIENCE)
        assert not thread.is_alive()


# -- flaws that have to be noticed -------------------------------------------------------------------


def loses_the_last_state(kind: type[Pending]) -> bool:
    """Whether what is handed on of some key is not what was put last."""
    pending = a_queue(kind)
    newest: dict[str, Event] = {}
    for number in range(1, 40):
        newest[str(number % 3)] = an_event("updated", number + 1, number, key=str(number % 3))
        pending.put(newest[str(number % 3)])
    return {event.key: event.value for event in taken(pending)} != {key: each.value for key, each in newest.items()}


def loses_a_wake_up(kind: type[Pending]) -> bool:
    """Whether a consumer that asks as soon as it is woken finds nothing, and would sleep with an event waiting."""
    pending = a_queue(kind)
    found: list[Entry | Action | float] = []
    assert pending.poll(lambda: found.append(pending.poll())) == FOREVER
    pending.put(an_event("created", 1))
    return [isinstance(each, tuple) for each in found] != [True]


class KeepsTheOldest(Pending):
    """What was put of a key first stays."""

    def _merge(self, name: Name, old: Entry, event: Event) -> None:
        self._entries[name] = (old[0], old[1], old[2], old[3] + 1, None)


class WakesTooEarly(Pending):
    """The consumer is woken before the event is there."""

    def put(self, event: Event) -> None:
        self._wake()
        super().put(event)


class WakesNobody(Pending):
    """The consumer is forgotten."""

    def put(self, event: Event) -> None:
        self._waiters.clear()
        super().put(event)


FLAWS: dict[str, tuple[type[Pending], Callable[[type[Pending]], bool]]] = {
    "the oldest state is kept": (KeepsTheOldest, loses_the_last_state),
    "woken before there is anything": (WakesTooEarly, loses_a_wake_up),
    "never woken": (WakesNobody, loses_a_wake_up),
}


@pytest.mark.parametrize(("flawed", "check"), FLAWS.values(), ids=FLAWS.keys())
def test_a_flaw_is_noticed(flawed: type[Pending], check: Callable[[type[Pending]], bool]) -> None:
    assert check(flawed)
    assert not check(Pending)
