"""A process that runs example agents, as it is told on standard input. Run as ``-m examples.worker``.

A line is a job: a ``store``, an ``agent``, its ``inputs`` one after the other; ``sources``, a directory, of whose files
it is counted how often each is opened, which is how often the work on it is done. With ``at``, the name of a verb, the
runs overlap instead: each has made so many such calls (``nth``) when the next begins, and goes on when that has ended.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections import Counter
from typing import Any

import fsstore
from fsstore import Store

opened: Counter[str] = Counter()


def count(event: str, arguments: tuple[Any, ...]) -> None:
    """What Python calls for each file that it opens."""
    if event == "open" and isinstance(arguments[0], str):
        opened[arguments[0]] += 1


def in_turn(agent: str, inputs: list[dict[str, Any]], store: Store) -> list[Any]:
    """The results; ``None`` of a run that was told that another one is at it."""
    results = []
    for each in inputs:
        try:
            results.append(fsstore.run_agent(agent, each, store=store, snapshot=False))
        except fsstore.LockTimeout:
            results.append(None)
    return results


def overlapping(agent: str, inputs: list[dict[str, Any]], store: Store, at: str, nth: int) -> list[Any]:
    """The results, that of the run which began last first."""
    if not inputs:
        return []
    others: list[Any] = []
    calls = 0

    def look(operation: fsstore.Operation) -> None:
        nonlocal calls
        calls += operation.op == at
        if operation.op == at and calls == nth:
            others.extend(overlapping(agent, inputs[1:], store, at, nth))

    result = fsstore.run_agent(agent, inputs[0], store=store, snapshot=False, ops=look)
    assert calls >= nth, f"{agent} makes {calls} calls of {at}"
    return [*others, result]


def main() -> None:
    sys.addaudithook(count)
    for line in sys.stdin:
        job = json.loads(line)
        opened.clear()
        try:
            with fsstore.open(job["store"], git=False) as store:
                if job["at"] is None:
                    results = in_turn(job["agent"], job["inputs"], store)
                else:
                    results = overlapping(job["agent"], job["inputs"], store, job["at"], job["nth"])
        except Exception:
            print(json.dumps({"raised": traceback.format_exc()}), flush=True)
        else:
            work = {path: times for path, times in opened.items() if path.startswith(job["sources"])}
            print(json.dumps({"results": results, "work": work}), flush=True)


if __name__ == "__main__":
    main()
