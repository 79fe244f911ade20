"""Anti-pattern, real-time coordination: two writers that read, add one and write lose an update, and how not to.

Input: ``writers``, two or more names.
Run:   fsstore run scripts/examples/realtime_coordination.py --input '{"writers": ["ann", "bob"]}'
Claims: when all writers read a shared counter before any of them writes, it grows by one and not by their number:
each ``set`` is atomic, but nothing joins it to the ``get`` before, and the last write wins. A key of its own for
each writer, added up by whoever reads, loses nothing, as long as no two runs use the same writer's name at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    writers = input_dict["writers"]
    return {"runs": len(writers), "shared": increase_shared(writers), "own": increase_own(writers)}


def increase_shared(writers: list[str]) -> int:
    """What happens between processes now and then, made to happen here every time."""
    seen = {writer: data_store.get("counter", 0) for writer in writers}
    for writer in writers:
        data_store.set("counter", seen[writer] + 1)
    return int(data_store.get("counter"))


def increase_own(writers: list[str]) -> int:
    keys = {writer: data_store.key("counter", writer) for writer in writers}
    seen = {writer: data_store.get(keys[writer], 0) for writer in writers}
    for writer in writers:
        data_store.set(keys[writer], seen[writer] + 1)
    return sum(data_store.get_prefix("counter:").values())
