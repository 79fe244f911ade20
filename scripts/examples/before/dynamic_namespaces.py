"""Dynamic namespaces by hand: the input decides which namespace a run works in; its keys are set one by one.

Input: ``repo`` and ``branch`` (``main`` if not given), names; ``directory``, the local checkout.
Run:   fsstore run scripts/examples/before/dynamic_namespaces.py \
         --input '{"repo": "acme/shop", "directory": "fsstore"}'
Claims: every repository and branch has a namespace ``repo:REPO:BRANCH`` of its own.
Flaws: who reads between the two ``set`` has the new content with the old files, and after two runs at once, or a
kill in between, that stays so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    namespace = f"repo:{input_dict['repo']}:{input_dict.get('branch', 'main')}"
    digests = digest_files(input_dict["directory"])
    store = data_store.use_namespace(namespace)
    store.set("content", hashlib.sha256("".join(digests.values()).encode()).hexdigest())
    store.set("files", digests)
    return {"namespace": namespace, "files_stored": len(digests)}


def digest_files(directory: str) -> dict[str, str]:
    root = Path(directory)
    paths = [path for path in sorted(root.rglob("*.py")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
