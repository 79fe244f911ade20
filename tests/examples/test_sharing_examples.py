"""Runs that share state: by hand they lose it where they overlap, with recipes four processes at once do not.

That the form by hand races is no matter of luck here: its runs are made to overlap in the one way that shows it, in a
real store. They are also the flawed variants that what is required of the other form must catch.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import fsstore
from examples.conftest import EXAMPLES, FORMS
from examples.pool import PROCESSES, Done, Pool
from examples.sharing import CASES, Case, Input, ledger, numbered, require_one_at_a_time
from fsstore import Operation, Store

NAMES = [case.example for case in CASES]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A directory for the files that agents work on."""
    made = tmp_path / "sources"
    made.mkdir()
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fsstore.open(tmp_path / "store", git=False).close()
    return tmp_path / "store"


def require(case: Case, done: Done, root: Path, inputs: list[Input]) -> None:
    with fsstore.open(root, git=False) as store:
        case.require(done, store, inputs)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_with_recipes_four_processes_at_once_are_exact(case: Case, pool: Pool, root: Path, sources: Path) -> None:
    inputs = case.inputs(sources)
    done = pool.at_once(root, EXAMPLES / "after" / f"{case.example}.py", inputs, sources)
    require(case, done, root, [each for mine in inputs for each in mine])


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_by_hand_runs_that_overlap_are_not(case: Case, pool: Pool, root: Path, sources: Path) -> None:
    inputs = [mine[0] for mine in case.inputs(sources)]
    done = pool.overlapping(root, EXAMPLES / "before" / f"{case.example}.py", inputs, sources, case.at, case.nth)
    with pytest.raises(AssertionError):
        require(case, done, root, inputs)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_by_hand_runs_one_after_the_other_are(case: Case, pool: Pool, root: Path, sources: Path) -> None:
    """So that it is the overlapping, and nothing else, which the test before this one catches."""
    inputs = [mine[0] for mine in case.inputs(sources)]
    agent = EXAMPLES / "before" / f"{case.example}.py"
    done = pool.at_once(root, agent, [inputs, *[[]] * (PROCESSES - 1)], sources)
    require(case, done, root, inputs)


# -- write-through: the newest analysis stays ----------------------------------------------------------


def slow_and_quick(root: Path, form: str, path: Path) -> Any:
    """What is stored after a run that reads the file early and is slow, and one that reads what it has become since.

    The file is a pipe for the first, which therefore waits in its read until it is given the old contents.
    """
    agent = EXAMPLES / form / "write_through.py"
    os.mkfifo(path)
    with fsstore.open(root, git=False) as store:
        slow = threading.Thread(target=fsstore.run_agent, args=(agent, {"file": str(path)}), kwargs={"store": store})
        slow.start()
        with open(path, "w") as pipe:  # waits for the slow one to be reading
            os.unlink(path)
            path.write_text("def new(): ...\n")
            quick = threading.Thread(
                target=fsstore.run_agent, args=(agent, {"file": str(path)}), kwargs={"store": store}
            )
            quick.start()
            if form == "before":  # where nothing keeps it from overtaking; else it waits for the slow one
                quick.join()
            pipe.write("def old(): ...\n")
        slow.join()
        quick.join()
        return store.use_namespace("analysis-cache")[str(path)]


def test_a_slow_run_stores_an_old_analysis_over_a_new_one_by_hand_only(root: Path, sources: Path) -> None:
    found = {form: slow_and_quick(root, form, sources / f"{form}.py")["functions"] for form in FORMS}
    assert found == {"before": ["old"], "after": ["new"]}


@pytest.mark.parametrize("form", FORMS)
def test_analyses_of_four_processes_are_all_there(form: str, pool: Pool, root: Path, sources: Path) -> None:
    for number in range(PROCESSES):
        (sources / f"{number}.py").write_text(f"def f{number}(): ...\n")
    inputs = [[{"file": str(path)} for path in sorted(sources.iterdir())] for _ in range(PROCESSES)]
    done = pool.at_once(root, EXAMPLES / form / "write_through.py", inputs, sources)
    assert len(done.results) == PROCESSES**2
    with fsstore.open(root, git=False) as store:
        found = store.use_namespace("analysis-cache").get_all()
    expected = {str(sources / f"{number}.py"): {"classes": [], "functions": [f"f{number}"]} for number in range(4)}
    assert found == expected


# -- the lock ------------------------------------------------------------------------------------------


def test_with_the_lock_one_of_four_processes_works_at_a_time(pool: Pool, root: Path, sources: Path) -> None:
    inputs = ledger(sources)
    done = pool.at_once(root, EXAMPLES / "after" / "advisory_lock.py", inputs, sources)
    with fsstore.open(root, git=False) as store:
        require_one_at_a_time(done, store, [each for mine in inputs for each in mine])


def test_with_a_semaphore_no_more_of_four_processes_work_than_may(pool: Pool, root: Path, sources: Path) -> None:
    inputs = [[{"room": str(sources), "desks": 2, "wait": 60}] * 5] * PROCESSES
    done = pool.at_once(root, EXAMPLES / "after" / "few_at_once.py", inputs, sources)
    assert {result["desk"] for result in done.results} <= {0, 1}
    assert len(done.results) == 5 * PROCESSES
    assert list(sources.iterdir()) == []


@pytest.mark.parametrize("example", ["advisory_lock", "few_at_once"])
def test_by_hand_two_that_look_at_the_same_time_both_work(example: str, store: Store, sources: Path) -> None:
    (sources / "ledger").write_text("")
    noting, together = threading.Lock(), threading.Barrier(2, timeout=60)
    done: list[str] = []
    told: list[Any] = []

    def look(operation: Operation) -> None:
        with noting:
            done.append(operation.op)
            number = len(done)
        if number <= 4:
            together.wait()  # both have seen that it is free, then both have taken it, and nobody has worked yet

    def work() -> None:
        path = EXAMPLES / "before" / f"{example}.py"
        input = {"file": str(sources / "ledger"), "room": str(sources), "desks": 1}
        try:
            result = fsstore.run_agent(path, input, store=store, ops=look, snapshot=False)
        except (RuntimeError, ValueError):
            return  # they came into each other's way
        told.extend(result)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert done[:4] == ["get", "get", "set", "set"]
    assert "error" not in told


# -- the index -----------------------------------------------------------------------------------------


def added(sources: Path) -> list[Input]:
    return [{"action": "add", "id": Path(path).stem, "file": path} for path in numbered(sources, 12)]


def found(pool: Pool, root: Path, form: str, query: str, sources: Path) -> list[str]:
    """What each of four processes finds."""
    inputs = [[{"action": "search", "query": query}]] * PROCESSES
    done = pool.at_once(root, EXAMPLES / form / "keyword_index.py", inputs, sources)
    (names,) = {tuple(sorted(result["documents"])) for result in done.results}
    return list(names)


def test_all_documents_that_four_processes_added_are_found(pool: Pool, root: Path, sources: Path) -> None:
    inputs = added(sources)
    mine = [inputs[process::PROCESSES] for process in range(PROCESSES)]
    pool.at_once(root, EXAMPLES / "after" / "keyword_index.py", mine, sources)
    assert found(pool, root, "after", "shared words", sources) == [each["id"] for each in inputs]
    assert found(pool, root, "after", "number many", sources) == [each["id"] for each in inputs[1:]]


def test_by_hand_the_lists_of_shared_words_lose_documents(pool: Pool, root: Path, sources: Path) -> None:
    inputs = added(sources)[1:3]  # whose first words in alphabetical order are the same
    pool.overlapping(root, EXAMPLES / "before" / "keyword_index.py", inputs, sources, "get")
    assert found(pool, root, "before", "many", sources) == ["01"]
    assert found(pool, root, "before", "words", sources) == ["01", "02"]


# -- what has no state of its own to lose --------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_four_processes_that_discover_find_the_same(form: str, pool: Pool, root: Path, sources: Path) -> None:
    with fsstore.open(root, git=False) as store:
        for number in range(3):
            store.use_namespace(f"repo:{number}").set_many({f"k{key}": key for key in range(number + 5)})
    done = pool.at_once(root, EXAMPLES / form / "namespace_discovery.py", [[{}] * 2] * PROCESSES, sources)
    first = [f"k{key}" for key in range(5)]
    summary = {f"repo:{number}": {"keys": number + 5, "first": first} for number in range(3)}
    assert done.results == [{"prefix": "repo:", "matches": 3, "summary": summary}] * PROCESSES * 2


@pytest.mark.parametrize("form", FORMS)
def test_four_processes_that_wait_are_all_given_the_results(form: str, pool: Pool, root: Path, sources: Path) -> None:
    paths = numbered(sources, PROCESSES)
    inputs = [[{"files": [path]}] * 2 for path in paths]
    done = pool.at_once(root, EXAMPLES / form / "polling_by_hand.py", inputs, sources)
    assert [list(result["results"]) for result in done.results] == [[f"digest:{path}"] for path in paths for _ in "ab"]


# -- agents that wait for one another ------------------------------------------------------------------


def parties(sources: Path, count: int = PROCESSES) -> list[Input]:
    paths = numbered(sources, count)
    return [{"name": f"agent {number}", "file": path, "parties": count} for number, path in enumerate(paths)]


def test_four_processes_that_meet_have_all_parts_in_each_round(pool: Pool, root: Path, sources: Path) -> None:
    for content in ("first", "second"):
        inputs = parties(sources)
        for each in inputs:
            Path(each["file"]).write_text(f"{content} of {each['name']}")
        done = pool.at_once(root, EXAMPLES / "after" / "rendezvous.py", [[each] for each in inputs], sources)
        parts = {f"part:{each['name']}": hashlib.sha256(Path(each["file"]).read_bytes()).hexdigest() for each in inputs}
        assert done.results == [{"parts": parts}] * PROCESSES


def test_by_hand_two_that_arrive_at_the_same_time_count_as_one(store: Store, sources: Path) -> None:
    noting, together = threading.Lock(), threading.Barrier(2, timeout=60)
    done: list[str] = []

    def look(operation: Operation) -> None:
        with noting:
            done.append(operation.op)
            number = len(done)
        if number <= 6:  # set of the part, get, set of the number
            together.wait()
        elif number == 7:  # the first look of who waits
            store.set("arrived", store.get("arrived") + 1)  # nobody else would do it

    def meet(input: Input) -> None:
        path = EXAMPLES / "before" / "rendezvous.py"
        fsstore.run_agent(path, input, store=store, ops=look, snapshot=False)

    threads = [threading.Thread(target=meet, args=(input,)) for input in parties(sources, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert done[:7] == ["set", "set", "get", "get", "set", "set", "get"]
    assert store.get("arrived") == 2  # one for both, and one to set them free


def test_by_hand_nobody_waits_the_second_time(store: Store, sources: Path) -> None:
    ann, bob = parties(sources, 2)
    agent = EXAMPLES / "before" / "rendezvous.py"
    first = threading.Thread(target=fsstore.run_agent, args=(agent, ann), kwargs={"store": store, "snapshot": False})
    first.start()
    assert store.wait_for("arrived", timeout=60) == 1
    parts = fsstore.run_agent(agent, bob, store=store)["parts"]
    first.join()
    Path(ann["file"]).write_text("new")
    Path(bob["file"]).write_text("new")
    later = fsstore.run_agent(agent, ann, store=store)["parts"]
    assert later["part:agent 0"] != parts["part:agent 0"]
    assert later["part:agent 1"] == parts["part:agent 1"]  # which is the old one
