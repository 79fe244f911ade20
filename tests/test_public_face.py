"""The front door: a sorted list of names, each documented, and cheap to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest

import fsstore
from fsstore import errors

HEAVY = ["pygit2", "watchdog", "filelock", "asyncio", "ctypes"]
PUBLIC: list[tuple[str, Any]] = [(name, getattr(fsstore, name)) for name in fsstore.__all__]
CLASSES = [(name, each) for name, each in PUBLIC if isinstance(each, type)]


def test_the_list_is_sorted_and_every_name_exists() -> None:
    constants_first = sorted(set(fsstore.__all__), key=lambda name: (not name.isupper(), name))
    assert fsstore.__all__ == constants_first  # then classes, then functions
    assert all(hasattr(fsstore, name) for name in fsstore.__all__)


def test_nothing_else_lies_in_the_open() -> None:
    modules = {name for name, each in vars(fsstore).items() if inspect.ismodule(each)}
    assert {name for name in vars(fsstore) if not name.startswith("_")} - modules == set(fsstore.__all__)


def test_every_error_is_public() -> None:
    kinds = {
        name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.StoreError)
    }
    assert kinds <= set(fsstore.__all__)


@pytest.mark.parametrize(("name", "each"), PUBLIC, ids=fsstore.__all__)
def test_every_public_name_is_documented(name: str, each: Any) -> None:
    if isinstance(each, type) or inspect.isfunction(each):
        assert (each.__doc__ or "").strip().endswith((".", "?", ":", "!")) or "\n" in (each.__doc__ or ""), name


@pytest.mark.parametrize(("name", "kind"), CLASSES, ids=[name for name, _ in CLASSES])
def test_every_public_method_is_documented_and_annotated(name: str, kind: type) -> None:
    for attribute, each in inspect.getmembers(kind):
        function = each.fget if isinstance(each, property) else each
        ours = getattr(function, "__module__", "") or ""
        if attribute.startswith("_") or not inspect.isfunction(function) or not ours.startswith("fsstore"):
            continue
        assert function.__doc__, f"{name}.{attribute}"
        assert "return" in function.__annotations__, f"{name}.{attribute}"


def test_importing_it_loads_nothing_heavy() -> None:
    code = f"import sys, fsstore; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([], "")


def test_opening_a_store_in_memory_loads_no_file_engine() -> None:
    code = "import sys, fsstore; fsstore.open(':memory:').set('k', 1); print('fsstore.engines.files' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_neither_git_nor_watching_is_loaded_by_a_store_of_files(tmp_path: Path) -> None:
    code = f"""
import sys, fsstore
with fsstore.open({str(tmp_path / "s")!r}) as store:
    store.set("k", 1, {{"m": 1}}); store.get_all(); store.info("k"); list(store.doctor()); store.clear()
print(*[name for name in ("pygit2", "watchdog", "asyncio") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == ([], "")


def test_the_version_is_that_of_the_package() -> None:
    assert fsstore.__version__ == metadata.version("fsstore")


def test_it_tells_type_checkers_that_it_is_typed() -> None:
    assert (resources.files("fsstore") / "py.typed").is_file()
