"""What a person did is never an agent's commit, whatever the journal says of an earlier write, nor the reverse."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fsstore
from fsstore.engines.files.atomic import Tree
from fsstore.engines.files.journal import Journal
from fsstore.history import capture as reading
from fsstore.history import captures, step
from fsstore.history.authorship import Authorship

from .stores import StoreRepo


@pytest.fixture
def repo(scratch: Path) -> StoreRepo:
    return StoreRepo(scratch / "store")


def _by_hand_again(repo: StoreRepo) -> list[str]:
    repo.run("bot", a=1)
    repo.write("a", "2\n")
    repo.snapshot()
    before = repo.head()
    time.sleep(0.05)
    repo.write("a", "1\n")
    repo.snapshot()
    return repo.commits(before)


def test_what_a_person_puts_back_is_theirs(repo: StoreRepo) -> None:
    assert _by_hand_again(repo) == ["Ann: M default/a.json"]
    repo.check()


def test_a_flaw_that_trusts_old_lines_is_noticed(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Authorship, "_is_put_back", lambda *_: False)
    assert _by_hand_again(repo) == ["bot: M default/a.json"]


def test_what_a_person_deletes_again_is_theirs(repo: StoreRepo) -> None:
    repo.run("bot", a=1)
    repo.run("bot", "a")
    repo.write("a", "2\n")
    repo.snapshot()
    before = repo.head()
    repo.path("a").unlink()
    repo.snapshot()
    assert repo.commits(before) == ["Ann: D default/a.json"]
    repo.check()


def test_metadata_that_a_person_deletes_is_theirs_and_with_its_key_the_agent_s(repo: StoreRepo) -> None:
    with repo.open() as store, store.run("bot") as data:
        data.set("a", 1, metadata={"m": 1})
        data.set("b", 1, metadata={"m": 1})
    before = repo.head()
    (repo.root / "default/.meta/a.json").unlink()
    repo.snapshot()
    repo.run("bot", "b")
    assert repo.commits(before) == ["Ann: D default/.meta/a.json", "bot: D default/.meta/b.json, D default/b.json"]
    repo.check()


def test_what_an_agent_wrote_and_no_commit_has_any_more_is_the_agent_s_again(repo: StoreRepo) -> None:
    before = repo.head()
    repo.run("bot", a=1)
    repo.git("reset", "-q", "HEAD~1")
    repo.snapshot()
    assert repo.commits(before) == ["bot: A default/a.json"]
    repo.check()


def test_a_directory_that_takes_the_place_of_a_deleted_key_stays(repo: StoreRepo) -> None:
    repo.run("bot", a=1)
    with repo.open() as store, store.run("bot", snapshot=False) as data:
        data.delete("a")
    repo.path("a").mkdir()
    (repo.path("a") / "note.txt").write_text("a person's\n")
    repo.snapshot()
    assert repo.at("default/a.json/note.txt") == "a person's\n"
    repo.check()


@pytest.mark.parametrize("message", ["a\0b", "", " ", "\n\n", "\udc80", "one\n\nAgent: evil"])
def test_any_message_makes_a_sound_commit_of_its_agent(repo: StoreRepo, message: str) -> None:
    with repo.open() as store:
        store.set("a", 1)
        commit = store.snapshot(message)
        assert commit is not None
        assert (commit.agent, next(store.log()).agent) == ("agent", "agent")
        assert commit.summary.strip()
    repo.check()


# -- rolling back ----------------------------------------------------------------------------------


def _rolled_back(store: fsstore.Store, agent: str, act: Callable[[fsstore.Namespace], object]) -> None:
    with pytest.raises(ZeroDivisionError), store.run(agent, on_error="rollback") as data:
        act(data)
        raise ZeroDivisionError


def test_a_person_s_edit_that_comes_back_by_rolling_back_is_theirs(repo: StoreRepo) -> None:
    repo.run("bot", a=1, b=1)
    before = repo.head()
    repo.write("a", '"by hand"')
    repo.path("b").unlink()
    with repo.open() as store:
        _rolled_back(store, "bot", lambda data: data.set_many({"a": 2, "b": 2}))
    assert repo.path("a").read_text() == '"by hand"'
    repo.snapshot()
    assert repo.commits(before) == ["Ann: M default/a.json, D default/b.json"]
    repo.check()


def test_another_agent_s_value_that_comes_back_by_rolling_back_is_theirs(repo: StoreRepo) -> None:
    before = repo.head()
    with repo.open("early") as store:
        store.set("a", 1)
        _rolled_back(store, "late", lambda data: data.set("a", 2))
        store.snapshot()
    assert repo.commits(before) == ["early: A default/a.json"]
    repo.check()


def test_what_a_run_undoes_of_its_own_commit_is_the_run_s(repo: StoreRepo) -> None:
    def act(data: fsstore.Namespace) -> None:
        data.set_many({"first": 2, "new": 1})
        data.store.snapshot()

    before = repo.head()
    with repo.open() as store:
        _rolled_back(store, "bot", act)
    changes = ["bot: M default/first.json, A default/new.json", "bot: M default/first.json, D default/new.json"]
    assert repo.commits(before) == changes
    assert repo.git("log", "-1", "--format=%(trailers:key=Status,valueonly)").strip() == "rolled back"
    repo.check()


def test_a_run_in_a_run_gives_back_what_is_the_outer_one_s(scratch: Path, store: fsstore.Store) -> None:
    repo = StoreRepo(scratch / "store")
    before = repo.head()
    with repo.open() as on_disk:
        for each in (on_disk, store):

            def outer(data: fsstore.Namespace, each: fsstore.Store = each) -> None:
                data.set("a", "outer")
                _rolled_back(each, "inner", lambda inner: inner.set_many({"a": "inner", "b": "inner"}))
                assert each.get_all().get("a") == "outer"

            _rolled_back(each, "outer", outer)
            assert "a" not in each
    assert repo.commits(before) == []
    repo.check()


# -- runs that go on -------------------------------------------------------------------------------


def _elsewhere(act: Callable[[], object]) -> None:
    """Do something in a thread, which is in no run."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def test_what_waits_for_a_long_run_is_not_read_again_by_others(
    repo: StoreRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    sound = reading.capture

    def capture(tree: Tree, path: str) -> object:
        read.append(path)
        return sound(tree, path)

    def other(number: int) -> None:
        with repo.open() as store, store.run("other") as data:
            data.set("of-the-other", number)

    before = repo.head()
    with repo.open() as store, store.run("long") as data:
        data.set_many({f"k{number}": 1 for number in range(200)}, metadata={"m": 1})
        data.delete("first")
        time.sleep(0.05)
        _elsewhere(lambda: other(1))
        for module in (captures, step):
            monkeypatch.setattr(module, "capture", capture)
        _elsewhere(lambda: other(2))
        assert set(read) == {"default/of-the-other.json"}
        repo.write("k1", '"edited"\n')
        repo.path("k2").unlink()
        data.set("k3", 3)
        _elsewhere(lambda: repo.snapshot())
    told = [commit.partition(":")[0] for commit in repo.commits(before)]
    assert told == ["other", "other", "Ann", "long"]
    assert "A default/k1.json" in repo.commits(before)[2]
    assert repo.commits(before)[3].count("A default/k") == 198
    assert "D default/first.json" in repo.commits(before)[3]
    repo.check()


def test_many_edited_files_are_looked_up_in_each_journal_once(repo: StoreRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.run("bot", **{f"k{number}": 1 for number in range(300)})
    for number in range(300):
        repo.write(f"k{number}", '"edited"\n')
    looked: list[int] = []
    sound = Journal.lines_of

    def lines_of(self: Journal, number: int, paths: object) -> object:
        looked.append(number)
        return sound(self, number, paths)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "lines_of", lines_of)
    repo.snapshot()
    assert len(looked) <= 64


def test_a_key_that_a_person_moves_away_with_its_metadata_after_an_agent_wrote_it_is_theirs(repo: StoreRepo) -> None:
    with repo.open() as store:
        with store.run("bot") as data:
            data.set("a", 1, metadata={"m": 1})
        before = repo.head()
        with store.run("bot", snapshot=False) as data:
            data.set("a", 2)
    for path in (repo.path("a"), repo.root / "default/.meta/a.json"):
        path.rename(path.with_name("b.json"))
    repo.snapshot()
    assert [commit.partition(":")[0] for commit in repo.commits(before)] == ["Ann"]
    repo.check()
