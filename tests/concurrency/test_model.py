"""Two handles on one store, a person at its files, and transactions, in any order: all do what a dict does."""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import fsstore
from fsstore import Conflict
from fsstore.engines.files.places import Place
from fsstore.engines.files.reader import FileReader
from fsstore.engines.files.sidecars import Keep, Sidecars
from fsstore.keys import encode_key, encode_namespace, path_of
from fsstore.namespace import Handle

from . import transaction_flaws
from .calls import KEYS, Call, canonical, keys, metadata, reads, values, writes
from .model import Model

ROUNDS = int(os.environ.get("FSSTORE_FAULT_ROUNDS", "1"))
NAMESPACES = ("default", "files:x")
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

handles = st.integers(0, 1)
namespaces = st.sampled_from(NAMESPACES)


def is_filled(machine: StoreAndModel) -> bool:
    return any(model.values for model in machine.model.values())


class StoreAndModel(RuleBasedStateMachine):
    """A store with two handles, and what should be in it."""

    durability = "process"

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="fsstore-test-", dir=MEMORY))
        self.model = {name: Model() for name in NAMESPACES}
        self.stores = [fsstore.open(self.root / "store", durability=self.durability) for _ in range(2)]
        self.numbers = itertools.count()
        self.fill()

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.root)

    @rule(handle=handles, namespace=namespaces, call=writes)
    def write(self, handle: int, namespace: str, call: Call) -> None:
        assert call.outcome(self.stores[handle].use_namespace(namespace)) == call.outcome(self.model[namespace])

    @rule(handle=handles, namespace=namespaces, call=reads)
    def read(self, handle: int, namespace: str, call: Call) -> None:
        assert call.outcome(self.stores[handle].use_namespace(namespace)) == call.outcome(self.model[namespace])

    def somewhere(self, data: st.DataObject) -> tuple[str, str]:
        """The namespace and name of a key that exists."""
        return data.draw(st.sampled_from([(name, key) for name in NAMESPACES for key in self.model[name].list_keys()]))

    @rule(handle=handles, metadata=metadata, data=st.data())
    @precondition(is_filled)
    def set_again(self, handle: int, metadata: dict[str, Any] | None, data: st.DataObject) -> None:
        """The same value; what it has of metadata grows."""
        namespace, key = self.somewhere(data)
        value = self.model[namespace].get(key)
        self.stores[handle].use_namespace(namespace).set(key, value, metadata)
        self.model[namespace].set(key, value, metadata)

    @rule()
    def fill(self) -> None:
        """So many verbs remove that it would be empty most of the time."""
        for number, name in enumerate(NAMESPACES):
            items = {key: 1 for key in KEYS if not self.model[name].exists(key)}
            self.stores[number].use_namespace(name).set_many(items, {"m": 1})
            self.model[name].set_many(items, {"m": 1})

    @rule(handle=handles)
    def reopen(self, handle: int) -> None:
        self.stores[handle].close()
        self.stores[handle] = fsstore.open(self.root / "store", durability=self.durability)

    # -- revisions ---------------------------------------------------------------------------------

    @rule(
        handle=handles,
        namespace=namespaces,
        key=keys,
        value=values,
        fits=st.booleans(),
        verb=st.sampled_from(["set", "delete"]),
    )
    def if_match(self, handle: int, namespace: str, key: str, value: Any, fits: bool, verb: str) -> None:
        target, model = self.stores[handle].use_namespace(namespace), self.model[namespace]
        revision = self.stores[1 - handle].use_namespace(namespace).info(key).revision if model.exists(key) else ""
        fits = fits and model.exists(key)
        if not fits:
            with pytest.raises(Conflict) as raised:
                target.set(key, value, if_match="another") if verb == "set" else target.delete(key, if_match="another")
            assert raised.value.actual == (revision or None)
        elif verb == "set":
            target.set(key, value, if_match=revision)
            model.set(key, value)
        else:
            assert target.delete(key, if_match=revision) is model.delete(key) is True

    # -- a person ----------------------------------------------------------------------------------

    def path(self, namespace: str, key: str) -> Path:
        return self.root / "store" / path_of(namespace, key)

    def forget_metadata(self, namespace: str, key: str) -> None:
        """Whoever puts a file where there was none looks for what an earlier one left behind."""
        if not self.model[namespace].exists(key):
            sidecar = self.root / "store" / encode_namespace(namespace) / ".meta" / encode_key(key)
            sidecar.unlink(missing_ok=True)

    @rule(namespace=namespaces, key=keys, value=values, in_place=st.booleans())
    def write_by_hand(self, namespace: str, key: str, value: Any, in_place: bool) -> None:
        self.forget_metadata(namespace, key)
        path = self.path(namespace, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path if in_place else path.with_name(".draft~")
        written.write_text(json.dumps(value, indent=4))
        written.replace(path)
        self.model[namespace].values[key] = value

    @rule(data=st.data())
    @precondition(is_filled)
    def remove_by_hand(self, data: st.DataObject) -> None:
        namespace, key = self.somewhere(data)
        self.path(namespace, key).unlink()
        self.model[namespace].delete(key)

    @rule(to_namespace=namespaces, to=keys, data=st.data())
    @precondition(is_filled)
    def move_by_hand(self, to_namespace: str, to: str, data: st.DataObject) -> None:
        namespace, key = self.somewhere(data)
        if (namespace, key) == (to_namespace, to):
            return
        self.forget_metadata(to_namespace, to)
        path = self.path(to_namespace, to)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path(namespace, key).replace(path)
        self.model[to_namespace].values[to] = self.model[namespace].values[key]
        self.model[namespace].delete(key)

    # -- transactions ------------------------------------------------------------------------------

    def inside(self, tx: Handle, calls: list[tuple[str, Call]]) -> dict[str, Model]:
        """Make the calls in the transaction, each as in a copy of the model."""
        model = copy.deepcopy(self.model)
        for namespace, call in calls:
            found, expected = call.outcome(tx.use_namespace(namespace)), call.outcome(model[namespace])
            assert found == expected
        for namespace, wanted in model.items():
            self.compare(tx.use_namespace(namespace), wanted)
        return model

    @rule(handle=handles, calls=st.lists(st.tuples(namespaces, writes | reads), min_size=1, max_size=5))
    def commit(self, handle: int, calls: list[tuple[str, Call]]) -> None:
        with self.stores[handle].transaction() as tx:
            model = self.inside(tx, calls)
        self.model = model

    @rule(handle=handles, calls=st.lists(st.tuples(namespaces, writes), min_size=1, max_size=3))
    def abort(self, handle: int, calls: list[tuple[str, Call]]) -> None:
        with pytest.raises(InterruptedError), self.stores[handle].transaction() as tx:
            self.inside(tx, calls)
            raise InterruptedError

    @rule(
        handle=handles,
        calls=st.lists(st.tuples(namespaces, writes), max_size=3),
        namespace=namespaces,
        key=keys,
        by_hand=st.booleans(),
    )
    def conflict(self, handle: int, calls: list[tuple[str, Call]], namespace: str, key: str, by_hand: bool) -> None:
        value = f"new {next(self.numbers)}"
        with pytest.raises(Conflict), self.stores[handle].transaction() as tx:
            tx.use_namespace(namespace).get(key)
            self.inside(tx, calls)
            if by_hand:
                self.write_by_hand(namespace, key, value, in_place=False)
            else:
                self.stores[1 - handle].use_namespace(namespace).set(key, value)
                self.model[namespace].set(key, value)

    # -- always ------------------------------------------------------------------------------------

    def compare(self, found: Handle, model: Model) -> None:
        assert canonical(found.get_all()) == canonical(model.get_all())
        assert found.list_keys() == model.list_keys()
        for key in model.values:
            record = found.info(key)
            assert canonical([record.value, record.metadata]) == canonical([model.get(key), model.metadata_of(key)])

    @invariant()
    def both_handles_see_what_is_there(self) -> None:
        filled = sorted(name for name, model in self.model.items() if model.values)
        for store in self.stores:
            assert store.list_namespaces() == filled
            for namespace, model in self.model.items():
                self.compare(store.use_namespace(namespace), model)


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
EVERY = settings(
    max_examples=50 * ROUNDS,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=CHECKS,
)


class DurableStoreAndModel(StoreAndModel):
    """The same with a log that is synced. Nobody opens it anew: see below."""

    durability = "power"


@pytest.mark.parametrize("machine", [StoreAndModel, DurableStoreAndModel])
def test_a_store_is_a_dict(machine: type[StoreAndModel]) -> None:
    run_state_machine_as_test(machine, settings=EVERY)


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved.json"))


def set_back(path: Path) -> None:
    path.write_text("1\n")


@pytest.mark.parametrize("edit", [remove, move, set_back])
def test_an_edit_of_what_is_in_the_log_stays(tmp_path: Path, edit: Callable[[Path], None]) -> None:
    with fsstore.open(tmp_path / "store", durability="power") as store:
        store.set("k", 1)
        store.set("k", 2)
        edit(Path(store.info("k").path))
        expected = store.get_all()
    with fsstore.open(tmp_path / "store", durability="power") as store:
        assert store.get_all() == expected


# -- each flaw is seen -----------------------------------------------------------------------------


def _metadata_replaced(patch: pytest.MonkeyPatch) -> None:
    sound = Sidecars.merged

    def merged(
        self: Sidecars, place: Place, given: Mapping[str, Any] | None, expires: float | Keep | None, *, exists: bool
    ) -> bytes | None:
        return sound(self, place, given, expires, exists=exists and not given)

    patch.setattr(Sidecars, "merged", merged)


def _metadata_left_behind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sidecars, "present", lambda self, place: False)


def _edits_not_seen(patch: pytest.MonkeyPatch) -> None:
    sound_read, sound_commit = FileReader.read_all, Handle._commit
    known: dict[tuple[int, str, str], dict[str, Any]] = {}

    def read_all(self: FileReader, namespace: str, prefix: str = "") -> dict[str, Any]:
        place = id(self), namespace, prefix
        if place not in known:
            known[place] = sound_read(self, namespace, prefix)
        return dict(known[place])

    def commit(self: Handle, *args: Any, **options: Any) -> Any:
        try:
            return sound_commit(self, *args, **options)
        finally:
            known.clear()

    patch.setattr(FileReader, "read_all", read_all)
    patch.setattr(Handle, "_commit", commit)


FLAWS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "metadata-replaced": _metadata_replaced,
    "metadata-left-behind": _metadata_left_behind,
    "edits-not-seen": _edits_not_seen,
    **{name: transaction_flaws.FLAWS[name] for name in ("own-writes-not-seen", "own-writes-not-listed")},
    **{name: transaction_flaws.FLAWS[name] for name in ("reads-not-checked", "written-at-once")},
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_seen(flaw: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    FLAWS[flaw](monkeypatch)
    once = settings(EVERY, max_examples=50, phases=[Phase.generate], print_blob=False)
    with pytest.raises((AssertionError, pytest.fail.Exception, fsstore.StoreError)):
        run_state_machine_as_test(StoreAndModel, settings=once)
