"""State machine: a job takes one step per run; the store knows which step comes next, and refuses any other.

Input: ``job``, a name; ``file``, the local text file it is about; ``action``, ``advance`` or ``status`` (if not given).
Run:   fsstore run scripts/examples/after/state_machine.py \
         --input '{"job": "j1", "file": "README.md", "action": "advance"}'
Claims: each ``advance`` does exactly the next of fetch, count, check, finish, also where several processes want to; a
step that fails leaves the state as it was, and the next run tries it again; a finished job stays finished; how it got
there, and when, is kept with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

STEPS = {"pending": ["fetch"], "fetch": ["count"], "count": ["check"], "check": ["finish"], "finish": []}


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    job = data_store.state_machine(data_store.key("job", input_dict["job"]), STEPS)
    async with data_store.lock(job.name):
        if input_dict.get("action", "status") == "advance" and job.allowed:
            job.to(job.allowed[0], result=perform(job.allowed[0], input_dict["file"], results_of(job)))
        return {"state": job.state, "results": results_of(job)}


def perform(step: str, path: str, results: dict[str, Any]) -> dict[str, Any]:
    """One step; it has the results of those before it from the store, not from memory."""
    raw = Path(path).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if step == "fetch":
        return {"sha256": digest}
    if step == "count":
        return {"words": len(raw.split())}
    if step == "check" and digest != results["fetch"]["sha256"]:
        raise ValueError(f"{path} is not what was fetched: start a new job")
    return {"words": results["count"]["words"], "checked": True}


def results_of(job: Any) -> dict[str, Any]:
    return {move["to"]: move["data"]["result"] for move in job.history}
