"""`fsstore.react`: an agent that is run for what others change, once for all of it, and not for what it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Store, data_store, react
from fsstore.events import Event
from fsstore.reacting import Reactor
from fsstore.retrying import Retries

from .conftest import Write

_PATIENCE = 60.0  # seconds
Batches = list[list[tuple[str, str, Any]]]


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.005)


class Recorder:
    """An agent that keeps what it was run for, and then does something."""

    def __init__(self, do: Callable[[dict[str, Any]], object] = lambda given: None) -> None:
        self.batches: Batches = []
        self.inputs: list[dict[str, Any]] = []
        self.runs: list[str | None] = []
        self._do = do

    def __call__(self, input_dict: dict[str, Any], tools: dict[str, Any]) -> None:
        self.inputs.append(input_dict)
        self.runs.append(data_store.run_id)
        self.batches.append([(each["kind"], each["key"], each["value"]) for each in input_dict["events"]])
        self._do(input_dict)


@contextmanager
def reacting(agent: Any, store: Store, namespace: str = "inbox", **options: Any) -> Iterator[list[int]]:
    """React in a thread, to all that is there from now on. It has to come to its limit; how many were given up."""
    given_up: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        # It may begin to watch after what the block does first, but then it is replayed.
        done = pool.submit(react, agent, store=store, namespace=namespace, replay=True, **options)
        try:
            yield given_up
            given_up.append(done.result(_PATIENCE))
        finally:
            if not done.done():
                store.close()  # which ends it


def test_the_input_says_what_was_changed(store: Store) -> None:
    inbox = store.use_namespace("inbox")
    agent = Recorder(lambda given: data_store.set("seen", given["events"][0]["key"]))
    with reacting(agent, store, input={"who": "Ada"}, limit=1, agent_name="sorter") as given_up:
        inbox.set("mail", {"n": 1})
    [given] = agent.inputs
    [event] = given["events"]
    assert (given["who"], given_up) == ("Ada", [0])
    assert (event["kind"], event["namespace"], event["key"], event["value"]) == ("created", "inbox", "mail", {"n": 1})
    assert event["revision"] == inbox.info("mail").revision
    assert (store.get("seen"), store.info("seen").updated_by) == ("mail", "sorter")


def test_only_what_is_watched_sets_it_off(store: Store) -> None:
    agent = Recorder()
    with reacting(agent, store, prefix="a:", limit=1):
        store.use_namespace("other").set("a:1", 1)
        store.use_namespace("inbox").set_many({"b": 2, "a:3": 3})
    assert agent.batches == [[("created", "a:3", 3)]]


def test_what_happens_meanwhile_is_one_next_run(store: Store) -> None:
    inbox, go = store.use_namespace("inbox"), threading.Event()
    agent = Recorder(lambda given: go.wait(_PATIENCE))
    with reacting(agent, store, limit=2):
        inbox.set("first", 1)
        until(lambda: agent.batches)
        inbox.set("a", 1)
        inbox.set("b", 1)
        inbox.set("a", 2)
        inbox.delete("first")
        store.sync()
        go.set()
    assert agent.batches[0] == [("created", "first", 1)]
    assert sorted(agent.batches[1]) == [("created", "a", 2), ("created", "b", 1), ("deleted", "first", None)]


def test_the_state_that_is_there_is_a_batch_on_demand(store: Store) -> None:
    store.use_namespace("inbox").set_many({"a": 1, "b": 2})
    agent = Recorder()
    assert react(agent, store=store, namespace="inbox", replay=True, limit=1) == 0
    assert sorted(agent.batches[0]) == [("created", "a", 1), ("created", "b", 2)]


class Given:
    """Events that are there, and how long they were waited for."""

    closed = False

    def __init__(self, *events: Event) -> None:
        self._events = iter(events)
        self.waits: list[float | None] = []

    def get(self, timeout: float | None = None) -> Event | None:
        self.waits.append(timeout)
        return next(self._events, None)

    def handled(self, event: Event) -> None:
        pass


def test_the_first_event_waits_for_others_if_it_is_told_to(store: Store) -> None:
    batches: list[list[Event]] = []
    given = Given(
        Event("created", "inbox", "a", 1), Event("created", "inbox", "b", 2), Event("updated", "inbox", "a", 3)
    )
    reactor = Reactor(store, given, lambda batch, run: batches.append(batch), debounce=3600)
    assert reactor.react(Retries(), lambda *failed: None, limit=1) == 0
    assert batches == [[Event("created", "inbox", "a", 3, merged=1), Event("created", "inbox", "b", 2)]]
    first, *others = given.waits
    assert first is None
    assert 3500 < min(filter(None, others)) <= max(filter(None, others)) <= 3600
    assert len(others) == 3


# -- what it writes itself --------------------------------------------------------------------------


def answer(given: dict[str, Any]) -> None:
    for event in given["events"]:
        data_store.set(f"answer to {event['key']}", event["value"])


def answer_through_another(given: dict[str, Any]) -> None:
    def inner(input_dict: dict[str, Any], tools: dict[str, Any]) -> None:
        answer(input_dict)

    fsstore.run_agent(inner, given, store=data_store, namespace="inbox")


def check_its_own_writes(store: Store, do: Callable[[dict[str, Any]], object]) -> None:
    """It writes what it watches; that sets nothing off."""
    inbox = store.use_namespace("inbox")
    agent = Recorder(do)
    with reacting(agent, store, data_namespace="inbox", limit=2):
        inbox.set("a", 1)
        until(lambda: "answer to a" in inbox)
        store.sync()
        inbox.set("b", 2)
    assert agent.batches == [[("created", "a", 1)], [("created", "b", 2)]]
    assert inbox.list_keys() == ["a", "answer to a", "answer to b", "b"]


@pytest.mark.parametrize("do", [answer, answer_through_another])
def test_its_own_writes_do_not_set_it_off(store: Store, do: Callable[[dict[str, Any]], object]) -> None:
    check_its_own_writes(store, do)


@pytest.mark.parametrize("do", [answer, answer_through_another])
def test_a_reactor_that_does_not_know_its_writes_is_noticed(
    store: Store, do: Callable[[dict[str, Any]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reactor, "_is_own", lambda self, run: False)
    with pytest.raises(AssertionError):
        check_its_own_writes(store, do)


def test_what_its_programs_write_does_not_either(tmp_path: Path, write: Write) -> None:
    place = tmp_path / "store"
    inner = write("inner.py", "def run(input_dict, tools): data_store.set(input_dict['key'], 1)")
    # It starts a program of its run, and one that begins a run of its own.
    outer = f"""
import json, subprocess, sys
def run(input_dict, tools):
    for event in input_dict["events"]:
        command = [sys.executable, "-m", "fsstore", "-C", {str(place)!r}, "-n", "inbox"]
        subprocess.run([*command, "set", "by a program: " + event["key"], "1"], check=True)
        given = json.dumps({{"key": "by a run of its own: " + event["key"]}})
        subprocess.run([*command, "run", {str(inner)!r}, "--input", given], check=True, stdout=subprocess.DEVNULL)
    data_store.append("batches", [event["key"] for event in input_dict["events"]])
"""
    with fsstore.open(place) as store:
        inbox = store.use_namespace("inbox")
        with reacting(write("outer.py", outer), store, limit=2):
            inbox.set("a", 1)
            until(lambda: "batches" in store)
            store.sync()
            inbox.set("b", 1)
        assert store.get("batches") == [["a"], ["b"]]
        assert inbox.count() == 6


def test_reactors_with_names_that_begin_alike_are_others(store: Store) -> None:
    inbox = store.use_namespace("inbox")
    agent = Recorder()
    with reacting(agent, store, name="a", limit=2):
        with store.run("another", "reactor:a%3Ab:1", namespace="inbox") as other:
            other.set("k", 1)
        until(lambda: agent.batches)
        with store.run("itself", "reactor:a:1", namespace="inbox") as itself:
            itself.set("l", 1)
        store.sync()
        inbox.set("m", 1)
    assert agent.batches == [[("created", "k", 1)], [("created", "m", 1)]]


def test_a_name_may_be_any(store: Store) -> None:
    agent = Recorder(answer)
    with reacting(agent, store, name="a:b/%\0é", data_namespace="inbox", limit=2):
        store.use_namespace("inbox").set("a", 1)
        until(lambda: "answer to a" in store.use_namespace("inbox"))
        store.sync()
        store.use_namespace("inbox").set("b", 1)
    assert agent.batches == [[("created", "a", 1)], [("created", "b", 1)]]


def test_somebody_elses_write_after_its_own_sets_it_off(store: Store) -> None:
    inbox = store.use_namespace("inbox")
    agent = Recorder(lambda given: data_store.set("state", "mine") if len(agent.batches) == 1 else None)
    with reacting(agent, store, data_namespace="inbox", limit=2):
        inbox.set("a", 1)
        until(lambda: inbox.get("state") == "mine")
        inbox.set("state", "another's")
    assert agent.batches[1] in ([("created", "state", "another's")], [("updated", "state", "another's")])


# -- failures and restarts --------------------------------------------------------------------------


def test_a_run_that_fails_is_repeated(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def fail_once(given: dict[str, Any]) -> None:
        if len(agent.batches) == 1:
            raise ZeroDivisionError("the reason")

    agent = Recorder(fail_once)
    with caplog.at_level(logging.WARNING, "fsstore"), reacting(agent, store, limit=1) as given_up:
        store.use_namespace("inbox").set("a", 1)
    assert agent.batches == [[("created", "a", 1)]] * 2
    assert len(set(agent.runs)) == 2
    assert given_up == [0]
    assert "a run for changes failed (ZeroDivisionError: the reason); again in 0.5 s" in caplog.messages


def check_what_is_given_up_comes_again(store: Store) -> None:
    inbox = store.use_namespace("inbox")

    def fail(given: dict[str, Any]) -> None:
        if "bad" in str(given):
            raise SystemExit(3)

    agent = Recorder(fail)
    with reacting(agent, store, name="me", retries=0, limit=2) as given_up:
        inbox.set("bad", 1)
        until(lambda: agent.batches)
        store.sync()
        inbox.set("good", 2)
    assert (agent.batches, given_up) == ([[("created", "bad", 1)], [("created", "good", 2)]], [1])
    again = Recorder()
    with reacting(again, store, name="me", limit=1):
        inbox.set("next", 3)  # or it would wait for ever if it was told of nothing
    assert again.batches[0][0] == ("created", "bad", 1)


def test_what_is_given_up_comes_again_to_one_with_its_name(store: Store) -> None:
    check_what_is_given_up_comes_again(store)


def test_what_is_said_to_be_handled_too_early_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Reactor._batch

    def flawed(self: Reactor) -> Any:
        batch = sound(self)
        for event in batch:
            self._events.handled(event)
        return batch

    monkeypatch.setattr(Reactor, "_batch", flawed)
    with pytest.raises(AssertionError):
        check_what_is_given_up_comes_again(store)


def check_a_restart(place: Path) -> None:
    with fsstore.open(place) as store, reacting(Recorder(answer), store, name="me", data_namespace="inbox", limit=1):
        store.use_namespace("inbox").set("a", 1)
    with fsstore.open(place) as store:
        store.use_namespace("inbox").set("b", 2)
        second = Recorder(answer)
        with reacting(second, store, name="me", data_namespace="inbox", limit=1):
            pass
    assert second.batches == [[("created", "b", 2)]]


def test_after_a_restart_it_still_knows_what_it_wrote(tmp_path: Path) -> None:
    check_a_restart(tmp_path / "store")


def test_a_reactor_that_forgets_what_it_wrote_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Reactor.__init__

    def flawed(self: Reactor, *args: Any, name: str | None, **options: Any) -> None:
        sound(self, *args, **options)

    monkeypatch.setattr(Reactor, "__init__", flawed)
    with pytest.raises(AssertionError):
        check_a_restart(tmp_path / "store")


def test_it_ends_with_its_store(store: Store) -> None:
    agent = Recorder()
    with reacting(agent, store) as given_up:
        until(lambda: store.watch_status().subscriptions)
        store.close()
    assert (agent.batches, given_up) == ([], [0])


def test_it_ends_with_its_store_while_it_waits_to_repeat_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(given: dict[str, Any]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Retries, "pause", lambda self, failures: 3600.0)
    agent = Recorder(fail)
    with reacting(agent, store) as given_up:
        store.use_namespace("inbox").set("a", 1)
        until(lambda: agent.batches)
        store.close()
    assert (len(agent.batches), given_up) == (1, [0])


def test_a_directory_is_opened_for_it(tmp_path: Path) -> None:
    with fsstore.open(tmp_path / "store", namespace="inbox") as store:
        store.set("a", 1)
    agent = Recorder()
    assert react(agent, store=tmp_path / "store", replay=True, limit=1) == 0
    assert agent.batches == [[("created", "a", 1)]]
