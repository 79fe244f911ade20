"""State machine: a job takes one step per run, and the store knows which step comes next.

Input: ``job``, a name; ``file``, the local text file it is about; ``action``, ``advance`` or ``status`` (if not given).
Run:   fsstore run scripts/examples/state_machine.py --input '{"job": "j1", "file": "README.md", "action": "advance"}'
Claims: each ``advance`` does exactly the next of fetch, count, check, finish, also in another process; a step that
fails leaves the state as it was, and the next run tries it again; a finished job stays finished.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

STEPS = ["fetch", "count", "check", "finish"]


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    key = data_store.key("job", input_dict["job"])
    state: dict[str, Any] = data_store.get(key, {"status": "pending", "done": {}})
    action = input_dict.get("action", "status")
    if action not in ("advance", "status"):
        raise ValueError(f"action {action!r} is neither advance nor status")
    if action == "status" or state["status"] == "finished":
        return state
    step = STEPS[len(state["done"])]
    state["done"][step] = perform(step, input_dict["file"], state["done"])
    state["status"] = "finished" if step == STEPS[-1] else "in progress"
    data_store.set(key, state)
    return state


def perform(step: str, path: str, done: dict[str, Any]) -> Any:
    """One step; it has the results of those before it from the store, not from memory."""
    raw = Path(path).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if step == "fetch":
        return {"sha256": digest, "bytes": len(raw)}
    if step == "count":
        return {"words": len(raw.split())}
    if step == "check" and digest != done["fetch"]["sha256"]:
        raise ValueError(f"{path} is not what was fetched: start a new job")
    return f"{done['count']['words']} words" if step == "finish" else "unchanged"
