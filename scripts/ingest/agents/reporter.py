"""Reporter: tells people what is in the store, where it lies on disk and how to change it. It keeps the run counter.

Input: ``tree``, the name of the tree in the store; ``directory``, the store's; ``again``, the command that runs
all agents again; ``fsstore``, the command line tool; ``last``, what the run did, kept under TREE in ``runs``.
Returns the report as ``lines``.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsstore import data_store  # whoever runs the agent puts it among its globals

LOOSE = "-"
DEPTH, ENTRIES, LINES = 3, 4, 12  # how much of the directory tree, and of a file, is shown


async def run(input_dict: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    tree, directory = input_dict["tree"], input_dict["directory"]
    runs, settings, statistics, answers = namespaces("runs", "settings", f"statistics:{tree}", f"answers:{tree}")
    packages = packages_of(settings)
    this = runs.update(tree, lambda last: {"number": last["number"] + 1, **input_dict["last"]}, {"number": 0})
    sections = [
        heading("Packages", package_lines(packages, statistics)),
        heading("Answers", answer_lines(settings.get("questions", []), answers)),
        heading("The store on disk", tree_lines(directory)),
        heading("Some of its files", sample_lines(directory, samples(settings, statistics, answers))),
        heading("Edit one by hand, and the agents obey", command_lines(input_dict, settings, packages, statistics)),
    ]
    return {"run": this["number"], "lines": [line for section in sections for line in section]}


def namespaces(*names: str) -> tuple[Any, ...]:
    return tuple(data_store.use_namespace(name) for name in names)


def heading(text: str, lines: Iterator[str]) -> list[str]:
    return ["", text, "", *(f"  {line}".rstrip() for line in lines)]


def packages_of(settings: Any) -> list[str]:
    packages = settings.get("packages", [])
    if not isinstance(packages, list) or not all(isinstance(name, str) for name in packages):
        raise ValueError(f'{settings.info("packages").path}: a list of package names is wanted: ["json"]')
    return packages


def package_lines(packages: list[str], statistics: Any) -> Iterator[str]:
    columns = ("files", "lines", "classes", "functions", "bad")
    yield f"{'':<16}" + "".join(f"{column:>11}" for column in columns)
    for name in [*packages, None]:
        found = statistics.get("total" if name is None else data_store.key("package", name))
        label = "all of the tree" if name is None else name
        if found is None:
            yield f"{label:<16} there is no such package"
        else:
            yield f"{label:<16}" + "".join(f"{found[column]:>11,}" for column in columns)


def answer_lines(questions: list[str], answers: Any) -> Iterator[str]:
    for question, found in answers.get_many(questions).items():
        yield f"{question}  " + (", ".join(each["file"] for each in found) or "nothing found")


def tree_lines(directory: str, depth: int = DEPTH, indent: str = "") -> Iterator[str]:
    """A directory's first entries, with the number of keys below them."""
    if not indent:
        yield f"{directory}/"
    names = [entry.name + "/" * entry.is_dir() for entry in os.scandir(directory) if not entry.name.startswith(".")]
    names.sort(key=lambda name: (not name.endswith("/"), name))
    limit = None if depth == DEPTH else ENTRIES
    shown = names[:limit]
    for name in shown:
        last = name == names[-1]
        inside = os.path.join(directory, name.rstrip("/"))
        count = counted(inside) if name.endswith("/") else ""
        yield f"{indent}{'└── ' if last else '├── '}{name}{count}"
        if name.endswith("/") and depth > 1:
            yield from tree_lines(inside, depth - 1, indent + ("    " if last else "│   "))
    if len(shown) < len(names):
        yield f"{indent}└── … {len(names) - len(shown):,} more"


def counted(directory: str) -> str:
    """How many keys' files are below a namespace's directory, or one in it."""
    total = 0
    for _, subdirectories, names in os.walk(directory):
        subdirectories[:] = [name for name in subdirectories if not name.startswith(".")]  # no keys: the store's own
        total += sum(name.endswith(".json") for name in names)
    return f"  ({total:,} keys)" if total != 1 else "  (1 key)"


def samples(settings: Any, statistics: Any, answers: Any) -> list[str]:
    """The files to show: what a person edits, and what the agents made of it."""
    chosen = [settings.info(key).path for key in settings.list_keys()]
    chosen += [statistics.info(key).path for key in statistics.list_keys(prefix="total")]
    return chosen + [answers.info(key).path for key in answers.list_keys(limit=1)]


def sample_lines(directory: str, paths: list[str]) -> Iterator[str]:
    for path in paths:
        yield typed(directory, path)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        yield from (f"    {line}" for line in lines[:LINES])
        if len(lines) > LINES:
            yield f"    … {len(lines) - LINES} more lines"


def command_lines(input_dict: dict[str, Any], settings: Any, packages: list[str], statistics: Any) -> Iterator[str]:
    """Commands to be copied: each edits a file, asks the store for it, or has the agents run again."""
    directory, tool = input_dict["directory"], input_dict["fsstore"]
    others = [name for name in by_size(statistics) if name not in (*packages, LOOSE)][:2] or packages[:1]
    yield f"# in {os.getcwd()}"
    for key, value in (("packages", others), ("questions", ["Where are temporary files made?"])):
        path = typed(directory, settings.info(key).path)
        yield f"echo {shlex.quote(json.dumps(value, ensure_ascii=False))} > {shlex.quote(path)}"
        yield f"{tool} -C {shlex.quote(directory)} -n settings get {key}"
    yield input_dict["again"]


def by_size(statistics: Any) -> list[str]:
    """The packages, the largest first."""
    sizes = {key.removeprefix("package:"): counts["lines"] for key, counts in statistics.get_prefix("package:").items()}
    return sorted(sizes, key=lambda name: (-sizes[name], name))


def typed(directory: str, path: str) -> str:
    """The path of a store's file as one would type it, by the store's directory as it was given."""
    return os.path.join(directory, os.path.relpath(path, os.path.realpath(directory)))
