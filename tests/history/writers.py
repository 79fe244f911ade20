"""A process that makes runs in a store, one after the other. Run as ``-m history.writers``."""

from __future__ import annotations

import logging
import sys

import fsstore

KEYS = 4


def main(root: str, number: int, runs: int) -> None:
    """Make so many runs; what each changed is printed, or ``nothing``. Any warning is an error here."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    store = fsstore.open(root, f"writer {number}")
    print("ready", flush=True)
    sys.stdin.readline()
    for round in range(runs):
        name = f"{number}-{round}"
        with store.run(run_id=name, namespace=f"of {number}") as data:
            if round % 10 == 7:
                store.get("common", None)
            elif round % 10 == 9:
                data.set("own", round - 1)  # as it is already
            else:
                data.set(f"key:{round % KEYS}", name, metadata={"round": round})
                data.set("own", round)
                data.use_namespace("default").set("common", name)
                print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
