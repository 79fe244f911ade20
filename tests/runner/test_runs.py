"""`store.run`: what a run leaves behind, whether it ends well, fails, or is taken back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import Conflict, Store, data_store


def test_it_gives_a_handle_and_is_over_at_its_end(store: Store) -> None:
    with store.run("crawler", "r1", namespace="pages") as run:
        assert (run.agent, run.run_id, run.name, data_store.run_id) == ("crawler", "r1", "pages", "r1")
        run.set("k", 1)
    assert store.use_namespace("pages").info("k").updated_by == "crawler"
    with pytest.raises(fsstore.NoRun):
        data_store.get("k")


def test_its_agent_is_that_of_the_handle_unless_named(store: Store) -> None:
    with store.store.handle(agent="planner").store.run() as run:
        assert run.agent is None
    opened = fsstore.open(":memory:", agent="planner")
    with opened.run() as run:
        assert run.agent == "planner"


def test_two_of_one_id_at_once_are_a_conflict_and_one_after_the_other_not(store: Store) -> None:
    with store.run("a", "same"), pytest.raises(Conflict, match="'same' is under way"), store.run("b", "same"):
        pass
    with store.run("a", "same") as run:
        run.set("k", 1)


def test_another_choice_on_error_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="'undo' is none of keep, rollback"):
        store.run(on_error="undo")  # type: ignore[arg-type]


# -- taken back --------------------------------------------------------------------------------------


def fail_after(store: Store, work: Any, on_error: Any = "rollback") -> RuntimeError:
    with pytest.raises(RuntimeError, match="no more") as caught, store.run("agent", on_error=on_error) as run:
        work(run)
        raise RuntimeError("no more")
    return caught.value


def test_what_failed_stays_by_default(store: Store) -> None:
    store.set("k", "old")
    fail_after(store, lambda run: run.set("k", "new"), "keep")
    assert store.get("k") == "new"


def test_keys_get_back_what_they_held(store: Store) -> None:
    store.set("changed", {"old": True}, {"source": "before"})
    store.set("deleted", [1], {"n": 1})
    store.set("twice", 0)
    other = store.use_namespace("other")
    other.set("k", "o")

    def work(run: Any) -> None:
        run.set("changed", 1, {"source": "run", "more": 2})
        run.delete("deleted")
        run.set("made", 1)
        run.set("twice", 1)
        run.increment("twice")
        run.use_namespace("other").set_many({"k": "p", "l": "q"})
        run.set("made and gone", 1)
        run.delete("made and gone")

    before = {key: store.info(key) for key in store}
    fail_after(store, work)
    assert {key: (store.info(key).value, store.info(key).metadata) for key in store} == {
        key: (record.value, record.metadata) for key, record in before.items()
    }
    assert other.get_all() == {"k": "o"}


def test_what_others_wrote_since_is_left_and_named(store: Store) -> None:
    store.set_many({"mine": 0, "theirs": 0, "gone": 0})

    def work(run: Any) -> None:
        run.set_many({"mine": 1, "theirs": 1, "gone": 1})
        beside = store.handle(agent="other", run="beside")
        beside.set("theirs", 2)
        beside.delete("gone")

    error = fail_after(store, work)
    assert store.get_all() == {"mine": 0, "theirs": 2}
    assert "default/theirs" in error.__notes__[0]
    assert "default/gone" in error.__notes__[0]
    assert "default/mine" not in error.__notes__[0]


def test_a_transaction_in_the_run_is_taken_back_too(store: Store) -> None:
    store.set_many({"a": 1, "b": 2})

    def work(run: Any) -> None:
        with store.transaction() as tx:  # the store's own handle, but in the run
            tx.set("a", 10)
            tx.delete("b")

    fail_after(store, work)
    assert store.get_all() == {"a": 1, "b": 2}


def test_an_inner_run_that_went_well_is_not_taken_back_with_the_outer(store: Store) -> None:
    def work(run: Any) -> None:
        run.set("outer", 1)
        with store.run("inner") as inner:
            inner.set("inner", 1)

    fail_after(store, work)
    assert store.get_all() == {"inner": 1}


def test_a_person_s_save_after_the_run_s_write_is_left(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")
    store.set("k", "old")

    def work(run: Any) -> None:
        run.set("k", "run")
        (tmp_path / "s/default/k.json").write_text('"person"\n')

    assert "default/k" in fail_after(store, work).__notes__[0]
    assert store.get("k") == "person"


def test_it_is_exact_to_the_byte_and_leaves_nothing(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")
    file = tmp_path / "s/default/k.json"
    store.set("other", 1)
    file.write_text('{"by":   "hand"}')
    fail_after(store, lambda run: run.set("k", 1))
    assert file.read_text() == '{"by":   "hand"}'
    assert list((tmp_path / "s/.fsstore/runs").iterdir()) == []


def test_a_flaw_that_keeps_the_last_image_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a key written twice the state before the first write counts."""
    from fsstore.engines.files.runs import Runs
    from fsstore.engines.memory_runs import MemoryRuns

    keep = Runs.keep

    def forgetful(self: Runs, run: str, image: Any, stripe: int) -> None:
        for file in Path(self._tree.root, ".fsstore/runs").glob("*.before/*"):
            file.unlink()
        keep(self, run, image, stripe)

    def careless(self: Any, run: str, names: Any) -> None:
        for name, there in names:
            self._writers[name] = run
            self._images.get(run, {})[name] = there, None

    monkeypatch.setattr(Runs, "keep", forgetful)
    monkeypatch.setattr(MemoryRuns, "keep", careless)
    store.set("k", 0)

    def work(run: Any) -> None:
        run.set("k", 1)
        run.set("k", 2)

    fail_after(store, work)
    assert store.get("k") == 1


# -- which run code is in ----------------------------------------------------------------------------


def test_any_handle_of_the_store_writes_in_the_run(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")
    elsewhere = fsstore.open(tmp_path / "t")
    with store.run("agent", "r"):
        store.set("own", 1)
        fsstore.open(tmp_path / "s", agent="named").set("again", 1)
        elsewhere.set("k", 1)
    commit = next(store.log())
    assert (commit.agent, commit.run, commit.summary) == ("agent", "r", "agent: 2 set in default")
    assert store.info("again").updated_by == "named"
    elsewhere.snapshot()
    assert next(elsewhere.log()).run is None


PROGRAM = """
import sys, fsstore
with fsstore.open(sys.argv[1]) as store:
    store.set("by a program", store.agent)
    print(store.run_id)
"""


def test_a_program_that_a_run_starts_belongs_to_it(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "s")]
    with store.run("parent", "r") as run:
        run.set("by the run", 1)
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "r\n"
    commit = next(store.log())
    assert (commit.run, commit.summary) == ("r", "parent: 2 set in default")
    assert store.get("by a program") == "parent"
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "None\n"


def test_what_a_program_of_the_run_wrote_is_taken_back(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "s")]
    fail_after(store, lambda run: subprocess.run(words, check=True, capture_output=True))
    assert store.get_all() == {}


def test_the_environment_names_the_innermost_run_and_none_of_several(store: Store) -> None:
    names = []

    def beside() -> None:
        with store.run("c", "beside"):
            names.append(os.environ.get("FSSTORE_RUN"))

    with store.run("a", "outer"):
        names.append(os.environ.get("FSSTORE_RUN"))
        with store.run("b", "inner"):
            names.append(os.environ.get("FSSTORE_RUN"))
            thread = threading.Thread(target=beside)
            thread.start()
            thread.join()
        names.append(os.environ.get("FSSTORE_RUN"))
        assert os.environ["FSSTORE_AGENT"] == "a"
    assert names == ["outer", "inner", None, "outer"]
    assert "FSSTORE_RUN" not in os.environ


def test_tasks_side_by_side_each_have_their_commit(tmp_path: Path) -> None:
    store = fsstore.open(tmp_path / "s")

    async def agent(input_dict: dict[str, Any], tools: dict[str, Any]) -> None:
        for number in range(3):
            data_store.set(f"{input_dict['name']}:{number}", number)
            await asyncio.sleep(0.01)

    async def all_of_them() -> None:
        names = ["a", "b", "c"]
        await asyncio.gather(
            *(fsstore.run_agent_async(agent, {"name": name}, store=store, name=name, run_id=name) for name in names)
        )

    asyncio.run(all_of_them())
    told = {commit.run: commit.summary for commit in store.log() if commit.run}
    assert told == {name: f"{name}: 3 set in default" for name in "abc"}


def test_the_loop_goes_on_while_a_run_is_committed(tmp_path: Path) -> None:
    """Another process holds the lock of the history; other tasks do not wait for it."""
    store = fsstore.open(tmp_path / "s")
    with store.run("first") as run:
        run.set("k", 0)
    code = "import fcntl,sys; f=open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, str(tmp_path / "s/.git/fsstore/lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()

        async def agent(input_dict: dict[str, Any], tools: dict[str, Any]) -> None:
            data_store.set("k", 1)

        async def both() -> None:
            waiting = asyncio.create_task(fsstore.run_agent_async(agent, store=store))
            await asyncio.sleep(0.2)  # this returns only because the loop is free
            assert not waiting.done()
            assert holder.stdin is not None
            holder.stdin.close()
            await waiting

        asyncio.run(both())
    assert next(store.log()).agent == "agent"


def test_a_run_on_a_read_only_store_reads(tmp_path: Path) -> None:
    fsstore.open(tmp_path / "s").set("k", 1)
    with fsstore.open(tmp_path / "s", read_only=True) as store, store.run("reader") as run:
        assert run.get("k") == 1
    assert not (tmp_path / "s/.git").exists()
