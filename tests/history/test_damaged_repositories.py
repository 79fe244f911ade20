"""Whatever is cut short or overwritten in a repository: no call hangs, each error says where the damage is."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from files.children import fork, join

from .asking import HISTORY, KEYS, ask_for_all
from .stores import StoreRepo

Damage = Callable[[Path], None]


class Call(NamedTuple):
    """How a call ended."""

    name: str
    error: str
    is_typed: bool
    message: str


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    """Packs of the store, loose objects of a person, and both kinds of references."""
    found = StoreRepo(scratch / "store")
    found.run("maker", a=1, b=2, c=3)
    found.git("tag", "kept")
    found.git("pack-refs", "--all")
    found.write("a", '{"by": "hand"}\n')
    found.git("commit", "-qam", "by hand")
    return found


def ask(repo: StoreRepo) -> dict[str, Call]:
    """Ask for everything, in a process that is killed after 20 seconds."""
    told = repo.home / "told"

    def main() -> None:
        signal.alarm(20)
        ask_for_all(str(repo.root), told)

    join(fork(main))
    found = {call.name: call for call in (Call(*json.loads(line)) for line in told.read_text().splitlines())}
    assert list(found) == [*KEYS, *HISTORY]
    return found


def to_half(path: Path) -> None:
    content = path.read_bytes()
    overwrite(path, content[: len(content) // 2])


def to_nothing(path: Path) -> None:
    overwrite(path, b"")


def to_few(path: Path) -> None:
    overwrite(path, path.read_bytes()[:10])


def less_one(path: Path) -> None:
    overwrite(path, path.read_bytes()[:-1])


def to_zeros(path: Path) -> None:
    overwrite(path, bytes(path.stat().st_size))


def to_garbage(path: Path) -> None:
    overwrite(path, bytes(number * 7919 >> 3 & 0xFF for number in range(max(path.stat().st_size, 100))))


def with_a_flaw(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    overwrite(path, bytes(content))


def removed(path: Path) -> None:
    path.unlink()


def overwrite(path: Path, content: bytes) -> None:
    """In place, so that the inode is the same."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate()
        file.write(content)


def loose(repo: StoreRepo, revision: str) -> Path:
    oid = repo.git("rev-parse", revision).strip()
    return repo.root / ".git/objects" / oid[:2] / oid[2:]


def pack(repo: StoreRepo, ending: str) -> Path:
    """The largest pack, which has the first snapshot's objects, or what belongs to it."""
    packs = (repo.root / ".git/objects/pack").glob("*.pack")
    return max(packs, key=lambda path: path.stat().st_size).with_suffix(ending)


DAMAGES = [to_half, to_nothing, to_few, less_one, to_zeros, to_garbage, with_a_flaw, removed]


def check(repo: StoreRepo, calls: dict[str, Call], *names: str) -> None:
    """Keys work; each error is typed and says where the damage is; these calls must have noticed it."""
    assert [call for call in calls.values() if not call.is_typed] == []
    assert [call for name, call in calls.items() if name in KEYS and call.error] == []
    failed = [call for call in calls.values() if call.error]
    assert [call for call in failed if f"{repo.root}/.git" not in call.message] == []
    assert [name for name in names if not calls[name].error] == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("revision", ["HEAD", "HEAD^{tree}", "HEAD:default", "HEAD:default/a.json"])
def test_a_loose_object(repo: StoreRepo, damage: Damage, revision: str) -> None:
    damage(loose(repo, revision))
    names = {"HEAD": ("snapshot", "log", "history", "at", "diff", "restore", "run"), "HEAD:default/a.json": ("at",)}
    check(repo, ask(repo), *names.get(revision, ("at", "diff of two")))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("ending", [".pack", ".idx"])
def test_a_pack(repo: StoreRepo, damage: Damage, ending: str) -> None:
    repo.git("gc", "-q")
    damage(pack(repo, ending))
    check(repo, ask(repo))


@pytest.mark.parametrize("damage", DAMAGES[:-1], ids=lambda damage: damage.__name__)
def test_the_index(repo: StoreRepo, damage: Damage) -> None:
    damage(repo.root / ".git/index")
    calls = ask(repo)
    check(repo, calls)
    assert {calls[name].error for name in ("log", "history", "at", "blame")} == {""}
    assert "DamagedHistory" in {call.error for call in calls.values()}
    (repo.root / ".git/index").unlink()  # the way out that the error names
    repo.git("reset", "-q")
    repo.snapshot()
    repo.check()


@pytest.mark.parametrize("damage", DAMAGES[:-2], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main", "packed-refs"])
def test_a_reference(repo: StoreRepo, damage: Damage, name: str) -> None:
    if name == "packed-refs":
        repo.git("pack-refs", "--all")
    before = repo.head()
    damage(repo.root / ".git" / name)
    noticed = [] if damage is less_one else ["snapshot", "log"]  # nobody misses the end of a line
    check(repo, ask(repo), *noticed)
    log = (repo.root / ".git/logs/HEAD").read_text().splitlines()
    assert before in [line.split(" ")[1] for line in log]
    assert not [line for line in log[1:] if line.startswith("0" * 40)], "a snapshot began a new history"


def test_a_reference_to_nothing(repo: StoreRepo) -> None:
    overwrite(repo.root / ".git/refs/heads/main", b"1" * 40 + b"\n")
    check(repo, ask(repo), "snapshot", "log", "at", "history")


def test_no_objects_at_all(repo: StoreRepo) -> None:
    shutil.rmtree(repo.root / ".git/objects")
    check(repo, ask(repo), "snapshot", "log", "at", "history")


def test_the_configuration(repo: StoreRepo) -> None:
    (repo.root / ".git/config").write_text("[core\nbare = \x01 [include\n")
    check(repo, ask(repo))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_what_the_store_keeps_beside_the_repository_can_be_lost(repo: StoreRepo, damage: Damage) -> None:
    """All of it is made again; no call minds."""
    with repo.open("maker") as store:
        store.set("a", 3)
        store.snapshot()
        list(store.log(key="a"))
    for path in (repo.root / ".git/fsstore").iterdir():
        if path.stat().st_nlink > 1:  # it is also the index itself
            shutil.copy2(path, path.with_suffix(".copy"))
            path.with_suffix(".copy").rename(path)
        if path.stat().st_size:
            damage(path)
    calls = ask(repo)
    assert [call for call in calls.values() if call.error] == []
    repo.snapshot()
    repo.check()


@pytest.mark.parametrize("damage", [to_half, to_nothing, removed], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("revision", ["HEAD", "HEAD^{tree}", "HEAD:default/a.json"])
def test_after_a_loss_of_power(repo: StoreRepo, damage: Damage, revision: str) -> None:
    """Then even the opening of the store looks into the history."""
    (repo.root / ".git/fsstore/session").write_text('["another", null]')
    damage(loose(repo, revision))
    check(repo, ask(repo))
