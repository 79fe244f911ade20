"""State machine by hand: read which step is next, do it, store the state after it.

Input: ``job``, a name; ``file``, the local text file it is about; ``action``, ``advance`` or ``status`` (if not given).
Run:   fsstore run scripts/examples/before/state_machine.py \
         --input '{"job": "j1", "file": "README.md", "action": "advance"}'
Claims: each ``advance`` does the next of fetch, count, check, finish, where no two overlap; a step that fails leaves
the state as it was; a finished job stays finished.
Flaws: two runs that read the same state do the same step, and the slower one puts the job back to where it was when
the other has gone on meanwhile; nothing keeps an agent, or a typing error, from any state at all.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

STEPS = ["fetch", "count", "check", "finish"]


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    key = f"job:{input_dict['job']}"
    job: dict[str, Any] = data_store.get(key, default={"state": "pending", "results": {}})
    if input_dict.get("action", "status") == "status" or job["state"] == STEPS[-1]:
        return job
    step = STEPS[STEPS.index(job["state"]) + 1] if job["state"] in STEPS else STEPS[0]
    job["results"][step] = perform(step, input_dict["file"], job["results"])
    job["state"] = step
    data_store.set(key, job)
    return job


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
