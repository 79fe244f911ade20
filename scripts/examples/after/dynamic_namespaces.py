"""Dynamic namespaces: the input decides which namespace a run works in; its keys are set together.

Input: ``repo`` and ``branch`` (``main`` if not given), names; ``directory``, the local checkout.
Run:   fsstore run scripts/examples/after/dynamic_namespaces.py \
         --input '{"repo": "acme/shop", "directory": "fsstore"}'
Claims: every repository and branch has a namespace ``repo:REPO:BRANCH`` of its own, which holds what one run stored and
nothing else; a second run over the same files leaves it as it is, and over other files replaces what it says.
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
    content = hashlib.sha256("".join(digests.values()).encode()).hexdigest()
    data_store.use_namespace(namespace).replace_all({"content": content, "files": digests})
    return {"namespace": namespace, "files_stored": len(digests)}


def digest_files(directory: str) -> dict[str, str]:
    root = Path(directory)
    paths = [path for path in sorted(root.rglob("*.py")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
