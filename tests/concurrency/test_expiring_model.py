"""Keys that end by themselves, on both engines, under a clock that is set: all do what dicts do, in any order."""

from __future__ import annotations

import copy
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import fsstore
from fsstore import Store
from fsstore.engines import memory
from fsstore.engines.files.preparing import Preparing
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.sidecars import Keep
from fsstore.engines.files.work import Work
from fsstore.namespace import Handle
from fsstore.ops import Outcome
from fsstore.records import seconds_of
from fsstore.transaction import TransactionEngine

from .calls import KEYS, Call, canonical, endings, reads, writes
from .expiring import Clock, ExpiringModel
from .test_model import EVERY, MEMORY

NAMESPACES = ("default", "files:x")
handles = st.integers(0, 1)
namespaces = st.sampled_from(NAMESPACES)
_DRIFT = 400.0
"""Seconds: real time passes, too, and steps are longer than that."""


class ExpiringStore(RuleBasedStateMachine):
    """Two handles of one store in memory, and what should be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        real = time.time
        self.patch.setattr(time, "time", lambda: real() + self.clock.passed)
        self.model = {name: ExpiringModel(self.clock) for name in NAMESPACES}
        self.stores = self.open()
        for name in NAMESPACES:
            for number, key in enumerate(KEYS):
                ttl = 500 if number % 2 else 2500
                self.stores[0].use_namespace(name).set(key, number, {"m": 1}, ttl=ttl)
                self.model[name].set(key, number, {"m": 1}, ttl)

    def open(self) -> list[Store]:
        return [fsstore.open(":memory:")] * 2

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        self.patch.undo()

    @rule(handle=handles, namespace=namespaces, call=writes | endings | endings)
    def write(self, handle: int, namespace: str, call: Call) -> None:
        assert call.outcome(self.stores[handle].use_namespace(namespace)) == call.outcome(self.model[namespace])

    @rule(handle=handles, namespace=namespaces, call=reads)
    def read(self, handle: int, namespace: str, call: Call) -> None:
        assert call.outcome(self.stores[handle].use_namespace(namespace)) == call.outcome(self.model[namespace])

    @rule(steps=st.integers(1, 2))
    def pass_time(self, steps: int) -> None:
        self.clock.passed += 1000 * steps
        for model in self.model.values():
            model.pass_away()

    @rule(handle=handles, namespace=st.none() | namespaces)
    def sweep(self, handle: int, namespace: str | None) -> None:
        if namespace is None:
            assert self.stores[handle].sweep() == sum(model.sweep() for model in self.model.values())
        else:
            assert self.stores[handle].use_namespace(namespace).sweep() == self.model[namespace].sweep()

    @rule(
        handle=handles,
        calls=st.lists(st.tuples(namespaces, writes | endings | reads), min_size=1, max_size=5),
        fails=st.booleans(),
    )
    def transaction(self, handle: int, calls: list[tuple[str, Call]], fails: bool) -> None:
        model = copy.deepcopy(self.model)
        try:
            with self.stores[handle].transaction() as tx:
                for namespace, call in calls:
                    assert call.outcome(tx.use_namespace(namespace)) == _in_a_transaction(call, model[namespace])
                for namespace, wanted in model.items():
                    self.compare(tx.use_namespace(namespace), wanted)
                if fails:
                    raise InterruptedError
        except InterruptedError:
            return
        self.model = model

    def compare(self, found: Handle, model: ExpiringModel) -> None:
        assert canonical(found.get_all()) == canonical(model.get_all())
        assert found.list_keys() == model.list_keys()
        for key in model.values:
            record = found.info(key)
            assert canonical([record.value, record.metadata]) == canonical([model.get(key), model.metadata_of(key)])
            end = model.ends.get(key)
            assert (record.expires_at is None) == (end is None)
            if record.expires_at is not None and end is not None:
                left = seconds_of(record.expires_at) - time.time()
                assert abs(left - (end - self.clock.passed)) < _DRIFT

    @invariant()
    def both_handles_see_what_is_there(self) -> None:
        filled = sorted(name for name, model in self.model.items() if model.values)
        for store in self.stores:
            assert store.list_namespaces() == filled
            for namespace, model in self.model.items():
                self.compare(store.use_namespace(namespace), model)


def _in_a_transaction(call: Call, model: ExpiringModel) -> str:
    """What is set there and loses its end is told as unchanged by `replace_all`: values alone are compared."""
    if call.verb != "replace_all":
        return call.outcome(model)
    ends, model.ends = model.ends, {}
    try:
        return call.outcome(model)
    finally:
        model.ends = {} if model.values.keys() <= set(call.arguments[0]) else ends


class ExpiringFiles(ExpiringStore):
    """The same on disk, with two stores that share nothing."""

    durability = "process"

    def open(self) -> list[Store]:
        self.root = Path(tempfile.mkdtemp(prefix="fsstore-test-", dir=MEMORY))
        return [fsstore.open(self.root / "store", durability=self.durability) for _ in range(2)]

    def teardown(self) -> None:
        left = sorted(path for path in (self.root / "store").glob("*/.meta/**/*.json") if path.name[0] != ".")
        files = sum(len(model.values) + len(model.left) for model in self.model.values())
        super().teardown()
        shutil.rmtree(self.root)
        assert len(left) <= files

    @rule(handle=handles)
    def reopen(self, handle: int) -> None:
        self.stores[handle].close()
        self.stores[handle] = fsstore.open(self.root / "store", durability=self.durability)


class ExpiringDurableFiles(ExpiringFiles):
    """The same with a log that is synced, and replayed by whoever opens the store."""

    durability = "power"


FEWER = settings(EVERY, max_examples=max(1, EVERY.max_examples * 3 // 5))


@pytest.mark.parametrize("machine", [ExpiringStore, ExpiringFiles, ExpiringDurableFiles])
def test_keys_that_end_are_those_of_a_dict(machine: type[ExpiringStore]) -> None:
    run_state_machine_as_test(machine, settings=FEWER)


# -- each flaw is seen -----------------------------------------------------------------------------


def _planned(patch: pytest.MonkeyPatch, change: Callable[[Work, Any], Any]) -> None:
    """What a put of files plans, with another idea of ends."""
    sound = Preparing._plan_put

    def plan(self: Preparing, work: Work, raw: bytes, metadata: Any, expires: Any, **options: Any) -> None:
        sound(self, work, raw, metadata, change(work, expires), **options)

    patch.setattr(Preparing, "_plan_put", plan)


def _not_ended(work: Work, expires: Any) -> Any:
    work.ended = False
    return expires


FLAWS: dict[str, tuple[type[ExpiringStore], Callable[[pytest.MonkeyPatch], None]]] = {
    "a plain set leaves the end": (
        ExpiringFiles,
        lambda patch: _planned(patch, lambda _, expires: Keep.END if expires is None else expires),
    ),
    "an update takes the end away": (
        ExpiringFiles,
        lambda patch: _planned(patch, lambda _, expires: None if expires is Keep.END else expires),
    ),
    "what is set anew has the old metadata": (ExpiringFiles, lambda patch: _planned(patch, _not_ended)),
    "what has ended is listed": (
        ExpiringFiles,
        lambda patch: patch.setattr(FileReader, "_ended", lambda *_: set()),
    ),
    "what has ended can be touched": (
        ExpiringFiles,
        lambda patch: patch.setattr(Preparing, "_plan_end", _touching_all),
    ),
    "transactions forget touches": (
        ExpiringStore,
        lambda patch: patch.setattr(TransactionEngine, "_end", lambda *_, exists: _outcome(exists=exists)),
    ),
    "memory: what is set anew has the old metadata": (
        ExpiringStore,
        lambda patch: patch.setattr(memory, "has_ended", lambda *_: False),
    ),
}


def _outcome(*, exists: bool) -> Outcome:
    return Outcome.UPDATED if exists else Outcome.MISSING


_plan_end = Preparing._plan_end


def _touching_all(self: Preparing, work: Work, op: Any) -> None:
    work.ended = False
    _plan_end(self, work, op)


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_seen(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, put_in = FLAWS[flaw]
    put_in(monkeypatch)
    once = settings(EVERY, max_examples=50, phases=[Phase.generate], print_blob=False)
    with pytest.raises((AssertionError, pytest.fail.Exception, fsstore.StoreError)):
        run_state_machine_as_test(machine, settings=once)
