"""What a person should know of how a store is watched. It watches nothing."""

from __future__ import annotations

from fsstore.cli.output import Output, quoted
from fsstore.store import Store


def tell_mode(store: Store, output: Output) -> None:
    """Say so if the system does not tell of all changes, so that they have to be looked for."""
    status = store.watch_status()
    if status.mode == "polling":
        output.talk(f"changes are looked for again and again: {status.reason}")
    elif status.unwatched:
        count = len(status.unwatched)
        places = "1 directory" if count == 1 else f"{count:,} directories"
        output.talk(f"in {places} changes are looked for again and again, such as in {quoted(status.unwatched[0])}")
