"""What agents that share state are told to do, and what must have come of it. How they are run is known elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from examples.pool import PROCESSES, Done
from fsstore import Store

Input = dict[str, Any]


class Case(NamedTuple):
    """An example whose runs share state."""

    example: str
    at: str
    """The verb after a call of which the form by hand must not be interrupted."""
    inputs: Callable[[Path], list[list[Input]]]
    """For each process, from a directory for the files that it works on; nothing in it depends on the order."""
    require: Callable[[Done, Store, list[Input]], None]
    """Fails if what came of the runs with these inputs is not what must come of them, whatever their order."""
    nth: int = 1
    """Which of such calls it is, of each run."""


def same(times: int, **input: Any) -> Callable[[Path], list[list[Input]]]:
    """Each process has the same input so many times."""
    return lambda sources: [[input] * times for _ in range(PROCESSES)]


def numbered(sources: Path, count: int) -> list[str]:
    """The paths of so many files with different contents, made where they are not there."""
    paths = [sources / f"{number:02}.txt" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            path.write_text(f"# number {number}\nshared words, of them {'many ' * number}\n")
    return [str(path) for path in paths]


def require_numbered(numbers: Iterable[int], done: Done) -> None:
    """Each run had a number of its own, and none is left out."""
    assert sorted(numbers) == list(range(1, len(done.results) + 1))


# -- caches --------------------------------------------------------------------------------------------


def files_twice(sources: Path) -> list[list[Input]]:
    paths = [*numbered(sources, 3), str(sources / "empty.txt")]
    (sources / "empty.txt").write_text("")
    return [[{"file": path} for path in paths * 2] for _ in range(PROCESSES)]


def require_work_done_once(done: Done, store: Store, inputs: list[Input]) -> None:
    assert done.work == {each["file"]: 1 for each in inputs}
    assert len(done.results) == len(inputs)


# -- accumulation --------------------------------------------------------------------------------------


def require_all_counted(done: Done, store: Store, inputs: list[Input]) -> None:
    require_numbered([result["run_number"] for result in done.results], done)
    assert store.get("processed-count") == len(done.results)


def items(sources: Path) -> list[list[Input]]:
    return [[{"item": [process, number]} for number in range(10)] for process in range(PROCESSES)]


def require_all_collected(done: Done, store: Store, inputs: list[Input]) -> None:
    require_numbered([result["total_items"] for result in done.results], done)
    kept = [tuple(item["value"]) for item in store.get("collected-items")]
    assert sorted(kept) == sorted(tuple(result["latest"]) for result in done.results)
    for process in range(PROCESSES):  # and each one's are in its order
        mine = [number for each, number in kept if each == process]
        assert mine == sorted(mine)


def measured(sources: Path) -> list[list[Input]]:
    """Numbers of either sign, and zero."""
    return [[{"value": process * 10 + number - 15} for number in range(10)] for process in range(PROCESSES)]


def require_exact_statistics(done: Done, store: Store, inputs: list[Input]) -> None:
    require_numbered([result["count"] for result in done.results], done)
    values = [each["value"] for each in inputs]
    last = max(done.results, key=lambda result: result["count"])
    assert last == {
        "count": len(values),
        "sum": sum(values),
        "min": min(values),
        "max": max(values),
        "average": sum(values) / len(values),
    }


# -- organisation --------------------------------------------------------------------------------------


def checkouts(sources: Path, **more: Any) -> list[list[Input]]:
    """A directory for each process, with files of the same names."""
    made = []
    for process in range(PROCESSES):
        directory = sources / str(process)
        directory.mkdir(exist_ok=True)
        for name in ("a.py", "b.py", "c.py"):
            (directory / name).write_text(f"{name!r}, {process}\n")
        made.append([{"directory": str(directory), **more}] * 5)
    return made


def require_one_project(done: Done, store: Store, inputs: list[Input]) -> None:
    project = store.get_prefix("project:alpha:")
    chosen = Path(project["project:alpha:config"]["directory"])
    files = {path.name: path.read_text() for path in chosen.iterdir()}
    prefix = "project:alpha:files:"
    assert {key.removeprefix(prefix): text for key, text in project.items() if key.startswith(prefix)} == files


def require_one_checkout(done: Done, store: Store, inputs: list[Input]) -> None:
    found = store.use_namespace("repo:acme/shop:main").get_all()
    assert found["content"] == hashlib.sha256("".join(found["files"].values()).encode()).hexdigest()


# -- work ----------------------------------------------------------------------------------------------


def advances(sources: Path) -> list[list[Input]]:
    (path,) = numbered(sources, 1)
    return [[{"job": "j", "file": path, "action": "advance"}] for _ in range(PROCESSES)]


def require_each_step_once(done: Done, store: Store, inputs: list[Input]) -> None:
    steps = ["fetch", "count", "check", "finish"]
    assert done.work == {inputs[0]["file"]: len(steps)}
    assert sorted(result["state"] for result in done.results) == sorted(steps)
    for result in done.results:
        assert list(result["results"]) == steps[: steps.index(result["state"]) + 1]


def batches(sources: Path) -> list[list[Input]]:
    """More than all runs together do."""
    return [[{"job": "j", "items": numbered(sources, 30), "batch_size": 3}] * 2 for _ in range(PROCESSES)]


def require_each_item_once(done: Done, store: Store, inputs: list[Input]) -> None:
    worked = [result for result in done.results if result is not None]
    assert worked
    paths = inputs[0]["items"][: 3 * len(worked)]
    assert done.work == dict.fromkeys(paths, 1)
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    expected = [(digests[:count], count) for count in range(3, len(paths) + 1, 3)]
    assert sorted((result["results"], result["processed"]) for result in worked) == sorted(expected)


def ledger(sources: Path) -> list[list[Input]]:
    (sources / "ledger").write_text("")
    return [[{"file": str(sources / "ledger"), "wait": 60}] * 5 for _ in range(PROCESSES)]


def require_one_at_a_time(done: Done, store: Store, inputs: list[Input]) -> None:
    require_numbered([result["result"] for result in done.results], done)
    assert Path(inputs[0]["file"]).read_text() == str(len(done.results))


# -- coordination --------------------------------------------------------------------------------------


def rounds(sources: Path) -> list[list[Input]]:
    return [[{"agents": PROCESSES}] * 5 for _ in range(PROCESSES)]


def require_one_last_of_each_round(done: Done, store: Store, inputs: list[Input]) -> None:
    require_numbered([result["arrived"] for result in done.results], done)
    assert sum(result["last"] for result in done.results) == len(done.results) // PROCESSES


def jobs(sources: Path) -> list[list[Input]]:
    paths = numbered(sources, 12)
    return [[{"add": paths[process::PROCESSES]}] for process in range(PROCESSES)]


def require_each_job_once(done: Done, store: Store, inputs: list[Input]) -> None:
    paths = sorted(path for each in inputs for path in each["add"])
    assert done.work == dict.fromkeys(paths, 1)
    assert sorted(path for result in done.results for path in result["done"]) == paths


def calls(sources: Path) -> list[list[Input]]:
    words = [["words", "many"], ["shared", "many"], ["words"], ["of"]]
    return [[{"file": path, "words": each} for each in words] for path in numbered(sources, 1) * PROCESSES]


def require_each_call_once(done: Done, store: Store, inputs: list[Input]) -> None:
    assert done.work == {inputs[0]["file"]: len({word for each in inputs for word in each["words"]})}
    text = Path(inputs[0]["file"]).read_text()
    assert sorted(each for result in done.results for each in result["counts"].items()) == sorted(
        (word, text.count(word)) for each in inputs for word in each["words"]
    )


CASES = [
    Case("cache_aside", "get", files_twice, require_work_done_once),
    Case("ttl_cache", "get", files_twice, require_work_done_once),
    Case("running_counter", "get", same(10), require_all_counted),
    Case("append_to_list", "get", items, require_all_collected),
    Case("aggregate_statistics", "get", measured, require_exact_statistics),
    Case("hierarchical_keys", "set", lambda sources: checkouts(sources, project="alpha"), require_one_project),
    Case("dynamic_namespaces", "set", lambda sources: checkouts(sources, repo="acme/shop"), require_one_checkout),
    Case("state_machine", "get", advances, require_each_step_once),
    Case("batch_checkpoint", "get", batches, require_each_item_once),
    Case("realtime_coordination", "get", rounds, require_one_last_of_each_round),
    Case("memoized", "get", calls, require_each_call_once),
    Case("work_queue", "get", jobs, require_each_job_once, nth=2),
]
