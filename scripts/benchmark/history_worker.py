"""A process that is told, line by line, what to do with one repository, and how long it took is its answer."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import fsstore
from benchmark.calls import serve


class Ours:
    """A store, opened as its user opens it."""

    def __init__(self, root: str, namespace: str, durability: str | None) -> None:
        self._store = fsstore.open(root, agent="bench", durability=durability)
        self._items = self._store.use_namespace(namespace)

    def set(self, items: list[tuple[str, Any]]) -> None:
        """Write keys, one by one."""
        for key, value in items:
            self._items.set(key, value)

    def snapshot(self, verify: bool) -> str | None:
        """The snapshot's commit."""
        made = self._store.snapshot(verify=verify)
        return made.id if made else None

    def watch(self) -> None:
        """Watch the store from now on."""
        self._watching = self._store.watch(callback=lambda event: None)

    def history(self, key: str) -> int:
        """How many versions of the key there are."""
        return len(list(self._items.history(key)))

    def restore(self, revision: str) -> str | None:
        """The commit of bringing a revision back."""
        made = self._store.restore(revision)
        return made.commit.id if made.commit else None


class Pygit2:
    """The same work through pygit2 alone."""

    def __init__(self, root: str, namespace: str, durability: str | None) -> None:
        import pygit2

        self._repository: Any = pygit2.Repository(root)
        self._who = pygit2.Signature("bench", "bench@localhost")
        self._force = pygit2.enums.CheckoutStrategy.FORCE

    def snapshot(self, verify: bool) -> str:
        """All that changed, as a commit."""
        repository = self._repository
        index = repository.index
        index.read(False)
        index.add_all()
        index.write()
        tree = index.write_tree()
        parents = [repository.head.target]
        return str(repository.create_commit("HEAD", self._who, self._who, "snapshot", tree, parents))

    def restore(self, revision: str) -> str:
        """The files and the index as they were in a commit, and a commit of that."""
        repository = self._repository
        tree = repository.revparse_single(revision).tree
        repository.checkout_tree(tree, strategy=self._force)
        parents = [repository.head.target]
        return str(repository.create_commit("HEAD", self._who, self._who, "restored", tree.id, parents))


def main(kind: str, root: str, namespace: str, durability: str | None) -> None:
    """Do what this one does, as it is told to."""
    worker: Any = {"ours": Ours, "pygit2": Pygit2}[kind](root, namespace, durability)
    serve(worker)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
