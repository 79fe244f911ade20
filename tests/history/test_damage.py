"""A damaged pack is a typed error, never a wrong value, another exception or an endless loop."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore.errors import DamagedHistory
from fsstore.history.changes import Changes
from fsstore.history.log import Log
from fsstore.history.objects import Objects
from fsstore.history.past import PastEngine
from fsstore.history.refs import Refs

from .gitrepo import GitRepo

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A packed history, most of it deltas of deltas."""
    repo = GitRepo(tmp_path / "store")
    for number in range(12):
        repo.write("default/other.json", [number])
        repo.put("default/k.json", {"n": number, "text": "a long text that makes a delta worth while " * 5})
    repo.git("gc", "-q")
    return repo


def pack(repo: GitRepo) -> Path:
    (found,) = (repo.root / ".git/objects/pack").glob("*.pack")
    return found


def everything(repo: GitRepo) -> Any:
    """All that history has to tell, read by a new process's means."""
    repository = repo.repository
    tip = repository.refs.head().commit
    assert tip is not None
    changes = Changes(repository.objects, repository.tree, read_only=True)
    log = Log(repository.objects, changes, tip)
    past = PastEngine(repository.objects, changes, tip)
    return list(log.log()), list(log.versions("default", "k")), past.read_all("default"), past.record("default", "k")


def judge(repo: GitRepo, file: Path, expected: Any, contents: list[bytes]) -> int:
    """How many of the contents are told to be damaged; the others must give what is expected."""
    told = 0
    for content in contents:
        file.unlink()
        file.write_bytes(content)
        try:
            assert everything(repo) == expected
        except DamagedHistory:
            told += 1
    return told


def flipped(raw: bytes, start: int, step: int) -> list[bytes]:
    return [raw[:at] + bytes([raw[at] ^ 0x15]) + raw[at + 1 :] for at in range(start, len(raw), step)]


def test_flipped_and_missing_bytes_of_a_pack(repo: GitRepo) -> None:
    expected, raw = everything(repo), pack(repo).read_bytes()
    contents = flipped(raw, 12, 11)
    assert judge(repo, pack(repo), expected, contents) > len(contents) // 2
    contents = [raw[:size] for size in range(0, len(raw) - 60, 97)]
    assert judge(repo, pack(repo), expected, contents) == len(contents)


def test_flipped_and_missing_bytes_of_its_index(repo: GitRepo) -> None:
    expected, index = everything(repo), pack(repo).with_suffix(".idx")
    raw = index.read_bytes()
    judge(repo, index, expected, flipped(raw, 0, 23))
    contents = [raw[:size] for size in range(0, len(raw) - 60, 97)]
    assert judge(repo, index, expected, contents) == len(contents)


def test_deltas_of_one_another(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "store")
    repo.put("default/k.json", 1)
    one, two = b"\1" * 20, b"\2" * 20
    directory = repo.root / ".git/objects/pack"
    body = b"PACK" + struct.pack(">II", 2, 2)
    offsets = {}
    for oid, base in ((one, two), (two, one)):
        offsets[oid] = len(body)
        body += bytes([7 << 4 | 4]) + base + zlib.compress(b"\1\1\1x")
    (directory / "pack-x.pack").write_bytes(body + b"\0" * 20)
    fan = b"".join(struct.pack(">I", sum(oid[0] <= byte for oid in offsets)) for byte in range(256))
    places = struct.pack(">II", *offsets.values())
    index = b"\xfftOc" + struct.pack(">I", 2) + fan + one + two + b"\0" * 8 + places + b"\0" * 40
    (directory / "pack-x.idx").write_bytes(index)
    with pytest.raises(DamagedHistory):
        Objects(str(repo.root / ".git")).read(one)


def test_another_object_in_the_place_of_one(repo: GitRepo) -> None:
    index = pack(repo).with_suffix(".idx")
    raw = bytearray(index.read_bytes())
    count = struct.unpack_from(">I", raw, 8 + 4 * 255)[0]
    ids = [bytes(raw[at : at + 20]) for at in range(1032, 1032 + 20 * count, 20)]
    one, two = (bytes.fromhex(repo.git("rev-parse", f"{commit}:default/k.json").strip()) for commit in ("@", "@~3"))
    at, other = (1032 + 24 * count + 4 * ids.index(oid) for oid in (one, two))
    raw[at : at + 4], raw[other : other + 4] = raw[other : other + 4], raw[at : at + 4]
    index.unlink()
    index.write_bytes(raw)
    with pytest.raises(DamagedHistory, match=one.hex()):
        repo.repository.objects.blob(one)


def test_a_first_commit_that_comes_between_two_looks_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader finds that the branch names nothing, and then, as it was committed meanwhile, that it has a log."""
    sound = Refs._has_log

    def late(self: Refs, name: str) -> bool:
        monkeypatch.undo()
        store.snapshot()
        return sound(self, name)

    with fsstore.open(tmp_path / "store") as store:
        store.set("k", 1)
        store._past.make_repository()
        monkeypatch.setattr(Refs, "_has_log", late)
        assert len(list(store.log(key="k"))) == 1
