"""Exports: what is in them, in which order, what happens to a file that is there, and what cannot be read."""

from __future__ import annotations

import fcntl
import io
import json
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from files.mounts import small_disk
from files.needs import need

import fsstore
from fsstore import BadValues, Conflict, DiskFull, StorageFailure, Store
from fsstore.moving.growing import Growing

from .conftest import ODD, files_of, put
from .test_round_trip import exported


@pytest.fixture
def filled(source: Store) -> Store:
    """Two namespaces."""
    source.set_many({f"k:{number}": number for number in range(200)}, {"m": 1})
    source.use_namespace("a:b").set_many({"x/y": 1, "x:y": 2})
    return source


def names(raw: bytes) -> list[tuple[str, str]]:
    return [(each["namespace"], each["key"]) for each in map(json.loads, raw.splitlines()[1:-1])]


def test_keys_are_sorted(filled: Store) -> None:
    found = names(exported(filled))
    assert found == sorted(found)
    assert len(found) == 202


def test_one_namespace_and_a_prefix(filled: Store, target: Store) -> None:
    assert names(exported(filled, namespace="a:b")) == [("a:b", "x/y"), ("a:b", "x:y")]
    assert names(exported(filled, prefix="x:")) == [("a:b", "x:y")]
    assert names(exported(filled, namespace="default", prefix="k:19")) == [
        ("default", f"k:{number}") for number in ("19", *range(190, 200))
    ]
    assert (
        exported(filled, namespace="none")
        == b'{"fsstore":"export","version":1,"namespace":"none"}\n{"end":{"keys":0}}\n'
    )
    part = exported(filled, prefix="k:19")
    target.import_ndjson(io.BytesIO(part))
    assert exported(target, prefix="k:19") == part


def test_what_was_written_is_told(filled: Store, scratch: Path) -> None:
    path = scratch / "x.ndjson"
    told: list[tuple[int, int | None]] = []
    done = filled.export_ndjson(path, progress=lambda *at: told.append(at))
    assert done == (str(path), 2, 202, path.stat().st_size, 0)
    assert told[-1] == (202, 202)
    assert told == sorted(told)
    assert filled.export_ndjson(io.BytesIO()).path is None
    assert sorted(os.listdir(scratch)) == ["source", "x.ndjson"]


def test_a_file_is_replaced_when_the_new_one_is_whole(
    filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scratch / "x.ndjson"
    path.write_text("old")
    path.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setattr(Growing, "publish", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            filled.export_ndjson(path)
    assert path.read_text() == "old"
    filled.export_ndjson(path)
    assert path.read_bytes() == exported(filled)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_and_a_pipe_is_written_to(filled: Store, scratch: Path) -> None:
    (scratch / "link").symlink_to("x.ndjson")
    filled.export_ndjson(scratch / "link")
    assert (scratch / "link").is_symlink()
    assert (scratch / "x.ndjson").read_bytes() == exported(filled)
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe, open(writer, "wb") as other:
        assert filled.export_ndjson(f"/dev/fd/{writer}", namespace="a:b").keys == 2
        other.close()
        assert pipe.read() == exported(filled, namespace="a:b")
    with pytest.raises(ValueError, match="resume"):
        filled.export_ndjson(io.BytesIO(), resume=True)


def test_two_at_once_do_not_write_into_one_file(filled: Store, scratch: Path) -> None:
    path = scratch / "x.ndjson"
    with open(f"{path}.partial", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"theirs")
        other.flush()
        with pytest.raises(Conflict, match="being written by somebody else"):
            filled.export_ndjson(path)
        assert Path(f"{path}.partial").read_bytes() == b"theirs"
    filled.export_ndjson(path)
    assert path.read_bytes() == exported(filled)


def test_who_waited_for_the_file_does_not_write_into_the_finished_one(
    filled: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking it, the file that another export had begun has got its name."""
    path, sound = scratch / "x.ndjson", fcntl.flock
    opened: list[int] = []

    def lock(fd: int, how: int) -> None:
        if not opened:
            opened.append(fd)
            os.rename(f"{path}.partial", path)
            path.write_text("whole")
        sound(fd, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(Growing, "publish", lambda self: None)
    filled.export_ndjson(path)
    assert path.read_text() == "whole"
    assert Path(f"{path}.partial").read_bytes() == exported(filled)


def test_what_cannot_be_read_is_told_at_the_end_and_stops_nothing(odd: Store, scratch: Path) -> None:
    expected = exported(odd)
    os.symlink("plain.json", scratch / "source/default/link.json")
    put(scratch / "source", {("ruled", "k"): b"1\n"})
    (scratch / "source/ruled/.meta").mkdir()
    (scratch / "source/ruled/.meta/.namespace.json").write_text("{")
    odd.set("sidecar", 1, {"m": 1})
    (scratch / "source/default/.meta/sidecar.json").write_text("[]")
    path = scratch / "x.ndjson"
    with pytest.raises(BadValues, match="3 of the files cannot be read") as caught:
        odd.export_ndjson(path)
    assert sorted(caught.value.errors) == ["default/link.json", "default/sidecar.json", "ruled: its rules"]
    assert path.read_bytes() == (
        expected.removesuffix(b'{"end":{"keys":13}}\n')
        + b'{"namespace":"ruled","key":"k","value":1}\n{"end":{"keys":14}}\n'
    )
    assert {("default", "link"), ("default", "sidecar")}.isdisjoint(names(path.read_bytes()))
    assert set(ODD) < set(names(path.read_bytes()))


@pytest.mark.parametrize("place", ["default/x.json", "new/x.ndjson", ".fsstore/x", "link/x"])
def test_a_file_that_would_be_a_key_is_refused(place: str, filled: Store, scratch: Path) -> None:
    (scratch / "source/new").mkdir()
    (scratch / "link").symlink_to("source/default")
    before = files_of(scratch / "source")
    with pytest.raises(fsstore.NotAStore, match="lies inside the store"):
        filled.export_ndjson(scratch / ("source" if place[0] != "l" else "") / place)
    assert files_of(scratch / "source") == before
    assert not (scratch / "source/.fsstore/x.partial").exists()
    assert filled.export_ndjson(scratch / "source/x.ndjson").keys == 202  # beside the namespaces is no key


def test_arguments_that_make_no_sense(source: Store) -> None:
    several: list[dict[str, Any]] = [{"namespace": ""}, {"prefix": "\ud800"}]
    for wrong in several:
        with pytest.raises(fsstore.InvalidName):
            source.export_ndjson(io.BytesIO(), **wrong)
    with pytest.raises(StorageFailure, match="No such file"):
        source.export_ndjson("/nowhere/at/all")


def test_a_full_disk_leaves_what_was_there(filled: Store, scratch: Path) -> None:
    with small_disk(scratch / "disk", "size=16k") as disk:
        path = disk / "x.ndjson"
        path.write_text("old")
        with pytest.raises(DiskFull, match="Free some space"):
            filled.export_ndjson(path)
        assert path.read_text() == "old"
        assert filled.count() == 200


def test_a_stream_says_itself_what_is_wrong(filled: Store) -> None:
    need(os.path.exists("/dev/full"), "needs /dev/full")
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", buffering=0) as full:
        filled.export_ndjson(full)


class Stingy(io.RawIOBase):
    """A stream without a buffer, which takes a few bytes at a time."""

    def __init__(self) -> None:
        self.got = b""

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.got += piece[:7]
        return len(piece[:7])


def test_a_stream_that_takes_less_than_a_line_gets_all_of_it(filled: Store) -> None:
    stream = Stingy()
    assert filled.export_ndjson(cast(BinaryIO, stream)).bytes == len(stream.got)
    assert stream.got == exported(filled)


def test_a_store_that_can_only_be_read(filled: Store, scratch: Path) -> None:
    with fsstore.open(scratch / "source", read_only=True) as store:
        assert exported(store) == exported(filled)
        for verb in ("copy_namespace", "move_namespace", "rename_namespace"):
            with pytest.raises(fsstore.ReadOnly, match=verb):
                getattr(store, verb)("default", "other")
        with pytest.raises(fsstore.ReadOnly, match="import_ndjson"):
            store.import_ndjson(io.BytesIO(b'{"key":"k","value":1}'))
        assert store.import_ndjson(io.BytesIO(b'{"key":"k","value":1}'), dry_run=True).created == 1
        assert store.move_namespace("default", "other", dry_run=True) == 200
