"""Anti-pattern, polling by hand: looking again and again whether others are done, and being told instead.

Input: ``jobs``, names; for each a worker, which another agent or a person may be, stores ``result:NAME`` some time.
Run:   fsstore run scripts/examples/polling_by_hand.py --input '{"jobs": ["fetch", "parse"]}'
Claims: a loop of ``get`` and ``sleep`` looks at the key many times for nothing, and sees the result up to a pause late;
``wait_for`` returns when the result is there, with ``timeout`` for a worker that died; where several are awaited, a
watch that begins before the work does tells of each result when it comes, and misses none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

WORK, PAUSE = 0.02, 0.005  # seconds


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    jobs = input_dict["jobs"]
    polled, looks = await beside(poll(jobs[0]), jobs[:1])
    waited = await beside(wait(jobs[0]), jobs[:1])
    async with data_store.aio.watch("result:") as changes:
        told = await beside(listen(changes, len(jobs)), jobs)
    return {"polled": polled, "looks": looks, "waited": waited, "told": told}


async def beside(waiting: Any, jobs: list[str]) -> Any:
    """What somebody waits for while the workers do these jobs anew."""
    data_store.delete_prefix("result:")
    found, *_ = await asyncio.gather(waiting, *map(work, jobs))
    return found


async def work(job: str) -> None:
    await asyncio.sleep(WORK)
    await data_store.aio.set(f"result:{job}", {"job": job, "state": "done"})


async def poll(job: str) -> tuple[Any, int]:
    """Before: the result, and how often it was looked for."""
    looks = 1
    while (result := data_store.get(f"result:{job}")) is None:
        await asyncio.sleep(PAUSE)
        looks += 1
    return result, looks


async def wait(job: str) -> Any:
    return await data_store.aio.wait_for(f"result:{job}", lambda result: result["state"] == "done", timeout=60)


async def listen(changes: Any, count: int) -> list[str]:
    """The jobs that were done, from what was told of the keys."""
    done: set[str] = set()
    async for event in changes:
        if event.kind != "deleted":  # those of the last time may still be told
            done.add(event.value["job"])
        if len(done) == count:
            break
    return sorted(done)
