"""Exports and imports that are killed, at every point that is worth one, and begun again."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from files.children import fork

import fsstore
from fsstore import Conflict, Imported, Store
from fsstore.engines.files.placing import Placing
from fsstore.moving import growing, importing
from fsstore.moving.exporting import Export, Position
from fsstore.moving.growing import Growing
from fsstore.moving.importing import Import

from .test_importing import dump
from .test_round_trip import exported

KEYS = 40


def killed(act: Callable[[], object]) -> None:
    """Do it in a child, which must kill itself on the way."""

    def child() -> None:
        act()

    _, status = os.waitpid(fork(child), 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def at_call(number: int, sound: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but the ``number``-th call of it is the end of the process."""
    calls = 0

    def call(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return sound(*args, **options)

    return call


@pytest.fixture
def filled(odd: Store) -> Store:
    """Files of every kind, and of a namespace with rules."""
    odd.use_namespace("many").set_many({f"k:{number:02}": [number] for number in range(KEYS)}, {"m": 1})
    odd._engine.set_rules("many", {"mine": 1}, odd._writer)
    return odd


# -- exports ---------------------------------------------------------------------------------------


def export_killed_after(store: Store, path: Path, lines: int, patch: pytest.MonkeyPatch) -> None:
    """An export that dies after it has made so many lines; what it wrote ends where a buffer ended."""
    with patch.context() as patched:
        patched.setattr(growing, "_BUFFER", 1 + lines * 7 % 100)
        patched.setattr(Export, "_count", at_call(lines, Export._count))
        killed(lambda: store.export_ndjson(path, resume=True))


def require_resumed(store: Store, path: Path, expected: bytes) -> int:
    """What is exported after an interruption is what an export without one gives; how much was there already."""
    done = store.export_ndjson(path, resume=True)
    assert path.read_bytes() == expected
    assert done.keys == expected.count(b'"key":')
    assert done.bytes == len(expected)
    assert not Path(f"{path}.partial").exists()
    return done.resumed


@pytest.mark.parametrize("lines", [1, 2, 11, 13, 14, 15, 30, 53])
def test_an_export_goes_on_where_it_was_killed(
    filled: Store, scratch: Path, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = scratch / "x.ndjson", exported(filled)
    export_killed_after(filled, path, lines, monkeypatch)
    assert not path.exists()
    resumed = require_resumed(filled, path, expected)
    assert resumed <= lines
    assert resumed > 0 or lines < 5


def test_an_export_that_is_killed_again_and_again(
    filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = scratch / "x.ndjson", exported(filled)
    for lines in (9, 8, 7, 6, 9, 8):  # each counts from where it goes on
        export_killed_after(filled, path, lines, monkeypatch)
    assert require_resumed(filled, path, expected) >= 35


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_an_export_that_is_killed_at_its_end(
    filled: Store, scratch: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = scratch / "x.ndjson", exported(filled)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, at_call(1, getattr(os, call)))
        killed(lambda: filled.export_ndjson(path))
    assert not path.exists()
    assert require_resumed(filled, path, expected) == expected.count(b'"key":')


def test_every_length_that_a_file_may_have_been_cut_to(filled: Store, scratch: Path) -> None:
    path, expected = scratch / "x.ndjson", exported(filled)
    for length in range(0, len(expected), 17):
        Path(f"{path}.partial").write_bytes(expected[:length])
        require_resumed(filled, path, expected)
    for torn in (expected[:500] + b"\0" * 300, expected[:500] + b"\n\n", expected[:500] + expected[:400]):
        Path(f"{path}.partial").write_bytes(torn)  # as after a loss of power
        require_resumed(filled, path, expected)


def test_what_changed_meanwhile_is_in_it_where_its_turn_comes(
    filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scratch / "x.ndjson"
    export_killed_after(filled, path, 40, monkeypatch)
    filled.use_namespace("many").set_many({"k:39": "new", "k:99": "newer"})
    filled.use_namespace("zz").set("k", 1)
    filled.export_ndjson(path, resume=True)
    assert path.read_bytes() == exported(filled)


def test_only_an_export_of_the_same_keys_goes_on(filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scratch / "x.ndjson"
    export_killed_after(filled, path, 40, monkeypatch)
    left = Path(f"{path}.partial").read_bytes()
    with pytest.raises(Conflict, match="no interrupted export of the same keys"):
        filled.export_ndjson(path, namespace="many", resume=True)
    assert Path(f"{path}.partial").read_bytes() == left
    filled.export_ndjson(path, namespace="many")
    assert path.read_bytes() == exported(filled, namespace="many")


def test_an_export_that_repeats_a_line_is_seen(filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, expected, sound = scratch / "x.ndjson", exported(filled), Export._found

    def flawed(self: Export, target: Growing) -> Position | None:
        found = sound(self, target)
        return None if found is None else found._replace(key=found.key[:-1])

    export_killed_after(filled, path, 40, monkeypatch)
    monkeypatch.setattr(Export, "_found", flawed)
    with pytest.raises(AssertionError):
        require_resumed(filled, path, expected)


def test_an_export_that_goes_on_after_half_a_line_is_seen(
    filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected, sound = scratch / "x.ndjson", exported(filled), Export._found

    def flawed(self: Export, target: Growing) -> Position | None:
        found = sound(self, target)
        self._bytes = os.fstat(target.file.fileno()).st_size
        return found

    Path(f"{path}.partial").write_bytes(expected[:-7])
    monkeypatch.setattr(Export, "_found", flawed)
    with pytest.raises(AssertionError):
        require_resumed(filled, path, expected)


# -- imports ---------------------------------------------------------------------------------------


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(importing, "BATCH", 5)
    return 5


def import_killed(store: Store, patch: pytest.MonkeyPatch, owner: Any, name: str, call: int) -> None:
    """An import that dies at some call of a function."""
    raw = dump({f"k:{number:02}": [number] for number in range(KEYS)}, metadata={"m": 1})
    with patch.context() as patched:
        patched.setattr(owner, name, at_call(call, getattr(owner, name)))
        killed(lambda: store.import_ndjson(io.BytesIO(raw)))


def require_whole_batches(root: Path, batch: int) -> int:
    """What is there after a kill are the first lines, up to the end of some commit; how many."""
    with fsstore.open(root) as store:
        found = store.get_all()
        assert found == {f"k:{number:02}": [number] for number in range(len(found))}
        assert len(found) % batch == 0
        assert all(store.info(key).metadata == {"m": 1} for key in found)
        assert list(store.doctor()) == []
        return len(found)


def require_finished(store: Store, there: int) -> None:
    raw = dump({f"k:{number:02}": [number] for number in range(KEYS)}, metadata={"m": 1})
    assert store.import_ndjson(io.BytesIO(raw)) == Imported(KEYS, KEYS - there, 0, there, 0, 0)
    assert store.get_all() == {f"k:{number:02}": [number] for number in range(KEYS)}


@pytest.mark.parametrize(("name", "call"), [("_plan", 1), ("_plan", 4), ("_settle", 8)])
def test_an_import_that_is_killed_between_two_commits(
    target: Store, scratch: Path, small_batches: int, name: str, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_killed(target, monkeypatch, Import, name, call)
    there = require_whole_batches(scratch / "target", small_batches)
    assert there == (call - 1) * small_batches
    require_finished(target, there)


@pytest.mark.parametrize("call", [1, 2, 5, 10, 11, 17, 40])
def test_an_import_that_is_killed_in_a_commit(
    target: Store, scratch: Path, small_batches: int, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the renames, of which a commit of 5 keys with metadata has 10: the commit is finished by who comes next."""
    import_killed(target, monkeypatch, Placing, "apply", call)
    there = require_whole_batches(scratch / "target", small_batches)
    assert there == (call - 1) // 10 * small_batches + small_batches
    require_finished(target, there)


def test_an_import_that_writes_half_a_batch_is_seen(
    target: Store, scratch: Path, small_batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Import.__init__

    def flawed(self: Import, engine: Any, commit: Any, *args: Any) -> None:
        sound(self, engine, lambda puts: [commit([put])[0] for put in puts], *args)

    monkeypatch.setattr(Import, "__init__", flawed)
    import_killed(target, monkeypatch, Placing, "apply", 17)
    with pytest.raises(AssertionError):
        require_whole_batches(scratch / "target", small_batches)


def test_an_interrupt_says_from_which_line(target: Store, small_batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[int] = []

    def interrupt(done: int, total: int | None) -> None:
        lines.append(done)
        if len(lines) == 13:
            raise KeyboardInterrupt

    raw = dump({f"k:{number:02}": [number] for number in range(KEYS)}, metadata={"m": 1})
    with pytest.raises(KeyboardInterrupt) as caught:
        target.import_ndjson(io.BytesIO(raw), progress=interrupt)
    (note,) = caught.value.__notes__
    assert note == (
        "the stream: the first 10 lines are imported. Import from the start again: what is there already is not "
        "written again; or skip the first 10 lines."
    )
    assert target.count() == 10
    assert target.import_ndjson(io.BytesIO(raw), skip=10) == Imported(KEYS, KEYS - 10, 0, 0, 0, 0)
    assert target.count() == KEYS
