"""The command line of the main job: where the tree and the store are, and what is printed."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import sysconfig
import time
import warnings

import fsstore
from fsstore.opening import init_git

from .progress import shown
from .watcher import lines, watched
from .workflow import AGENTS, ingest


def main() -> int:
    arguments = parse_arguments()
    source = os.path.abspath(arguments.source)
    if not os.path.isdir(source):
        print(f"ingest: there is no directory {source}", file=sys.stderr)
        return 2
    # The compiler has opinions on other people's source; here they are only read.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        work(arguments.store, arguments.tree or os.path.basename(source), source)
    except (fsstore.StoreError, ValueError) as error:  # such as settings that a person broke
        print(f"ingest: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:  # what is stored so far stays, and the next run goes on from there
        return 130
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.ingest",
        description="Agents read a tree of Python source and share what they find in a store: records, outlines, "
        "statistics, a keyword index and the answers to questions. A second run does only what has changed.",
    )
    parser.add_argument("--store", default="demo-store", help="the store's directory (default: %(default)s)")
    parser.add_argument(
        "--source",
        default=sysconfig.get_paths()["stdlib"],
        help="the tree to read (default: the standard library, %(default)s)",
    )
    parser.add_argument("--tree", help="the name of the tree in the store (default: the last part of its path)")
    return parser.parse_args()


def work(directory: str, tree: str, source: str) -> None:
    start = time.perf_counter()
    fsstore.open(directory).close()
    init_git(directory, force=True)  # also inside of a repository, such as this project's
    with fsstore.open(directory) as store:
        print(f"{source} -> {directory}", flush=True)
        with watched(directory) as told, shown() as stage:
            done = asyncio.run(ingest(store, tree, source, stage))
        about = {"tree": tree, "directory": directory, "fsstore": tool(), "again": again(), "last": done}
        result = fsstore.run_agent(AGENTS / "reporter.py", about, store=store)
        usage = store.stats()
    print("\nWhat a watcher in another process was told meanwhile\n")
    print("\n".join(f"  {line}" for line in lines(told)))
    print("\n".join(result["lines"]))
    print(f"\nRun {result['run']}: {done['files']:,} files, of which {done['indexed']:,} new or changed, ", end="")
    print(f"{done['unchanged']:,} unchanged; {done['removed']:,} gone.")
    print(f"The store has {usage.keys:,} keys in {usage.namespaces} namespaces, {usage.bytes:,} bytes of JSON.")
    print(f"It took {time.perf_counter() - start:.2f} s.", flush=True)
    print(f"Which run changed what: git -C {shlex.quote(near(os.path.abspath(directory)))} log --stat")


def tool() -> str:
    """The fsstore of this interpreter, as one would type it here."""
    return shlex.quote(near(os.path.join(os.path.dirname(sys.executable), "fsstore")))


def again() -> str:
    return shlex.join([near(sys.executable), "-m", "scripts.ingest", *sys.argv[1:]])


def near(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


if __name__ == "__main__":
    sys.exit(main())
