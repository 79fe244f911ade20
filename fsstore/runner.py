"""Running agents: a global ``data_store`` for the agent, one run id for what it writes. It knows no engine.

An agent is ``run(input_dict, tools)``, ``async def`` or plain, in a file of its own or imported. A file
finds ``data_store`` among its globals; an imported agent writes ``from fsstore import data_store``, which
is the handle of whatever run it is called in. Runs may be nested and parallel.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import inspect
import itertools
import os
import sys
import types
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from fsstore.errors import NoRun
from fsstore.opening import open as open_store
from fsstore.reading import OpsHook, current
from fsstore.running import OnError, Running
from fsstore.store import Namespace

Agent = Callable[[dict[str, Any], dict[str, Any]], Any]

_serial = itertools.count(1)


def run_agent(
    agent: str | os.PathLike[str] | Agent,
    input: Mapping[str, Any] | None = None,
    *,
    store: Namespace | CurrentHandle | str | os.PathLike[str],
    name: str | None = None,
    namespace: str = "default",
    tools: Mapping[str, Any] | None = None,
    snapshot: bool = True,
    on_error: OnError = "keep",
    run_id: str | None = None,
    ops: OpsHook | None = None,
) -> Any:
    """Run an agent, a file's path or a function, and return what it returns.

    ``name`` is noted as the writer of all it stores (default: the file's or function's name); ``store`` is
    an open store, a handle of one (``data_store``), or a directory. What the agent raises is raised. May be
    called where an event loop is running: the agent then runs in a thread, with a loop of its own.

    The call is one run: at its end what it changed is committed (``snapshot``), see `Store.run` for it, ``on_error``
    and ``run_id``.
    """
    options = _Options(name, namespace, ops, snapshot, on_error, run_id)

    def call() -> Any:
        with (
            opening(store) as opened,
            _run_of(agent, input, opened, options) as handle,
            _function_of(agent, handle) as function,
        ):
            result = function(copy.deepcopy(dict(input or {})), dict(tools or {}))
            return _awaited(result) if inspect.isawaitable(result) else result

    if not _in_event_loop():
        return call()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, call).result()


async def run_agent_async(
    agent: str | os.PathLike[str] | Agent,
    input: Mapping[str, Any] | None = None,
    *,
    store: Namespace | CurrentHandle | str | os.PathLike[str],
    name: str | None = None,
    namespace: str = "default",
    tools: Mapping[str, Any] | None = None,
    snapshot: bool = True,
    on_error: OnError = "keep",
    run_id: str | None = None,
    ops: OpsHook | None = None,
) -> Any:
    """The same as `run_agent`, to be awaited."""
    options = _Options(name, namespace, ops, snapshot, on_error, run_id)
    with opening(store) as opened:
        async with _run_of(agent, input, opened, options) as handle:
            with _function_of(agent, handle) as function:
                result = function(copy.deepcopy(dict(input or {})), dict(tools or {}))
                return await result if inspect.isawaitable(result) else result


class _Options(NamedTuple):
    """How a run is to be, beside what it runs and where."""

    name: str | None
    namespace: str
    ops: OpsHook | None
    snapshot: bool
    on_error: OnError
    run_id: str | None


def _run_of(
    agent: str | os.PathLike[str] | Agent, input: Mapping[str, Any] | None, opened: Namespace, options: _Options
) -> Running[Namespace]:
    """The run of an agent in a store."""
    return opened.store.run(
        options.name or _name_of(agent),
        options.run_id,
        snapshot=options.snapshot,
        on_error=options.on_error,
        input=dict(input or {}),
        namespace=options.namespace,
        ops=options.ops,
    )


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")  # a plain agent need not pay for its import
    try:
        return asyncio is not None and asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


def _awaited(result: Awaitable[Any]) -> Any:
    """Run what an async agent returned in a loop of its own; a plain agent is free to make one itself."""
    import asyncio

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())


class CurrentHandle:
    """``data_store`` for imported agents: forwards everything to the handle of the run it is used in."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(_handle(), name)

    def __repr__(self) -> str:
        return f"<data_store of {current.get(None)!r}>"

    def __contains__(self, key: object) -> bool:
        return key in _handle()

    def __iter__(self) -> Iterator[str]:
        return iter(_handle())

    def __getitem__(self, key: str) -> Any:
        return _handle()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        _handle()[key] = value

    def __delitem__(self, key: str) -> None:
        del _handle()[key]


data_store = CurrentHandle()


def _handle() -> Namespace:
    try:
        return cast(Namespace, current.get())
    except LookupError:
        raise NoRun(
            "fsstore.data_store is there while an agent runs: fsstore.run_agent(agent, store=DIR). A thread that an "
            "agent starts by itself does not see it: use asyncio.to_thread, or hand it a handle."
        ) from None


def _name_of(agent: str | os.PathLike[str] | Agent) -> str:
    if isinstance(agent, str | os.PathLike):
        return os.path.splitext(os.path.basename(os.fspath(agent)))[0]
    return getattr(agent, "__name__", type(agent).__name__)


@contextlib.contextmanager
def opening(store: Namespace | CurrentHandle | str | os.PathLike[str]) -> Iterator[Namespace]:
    """The handle that is meant; a store that is opened for it is closed."""
    if isinstance(store, CurrentHandle):
        yield _handle()
    elif isinstance(store, Namespace):
        yield store
    else:
        with open_store(store) as opened:
            yield opened


@contextlib.contextmanager
def _function_of(agent: str | os.PathLike[str] | Agent, handle: Namespace) -> Iterator[Agent]:
    """The agent's function. A file is executed anew for each run, as a module of its own with its own globals."""
    if not isinstance(agent, str | os.PathLike):
        yield agent
        return
    path = os.fspath(agent)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)  # with its own __future__ imports, not ours
    module = types.ModuleType(f"fsstore_agent_{next(_serial)}_{_name_of(agent)}")
    module.__dict__.update(__file__=path, data_store=handle)
    sys.modules[module.__name__] = module  # dataclasses and pickle look there
    try:
        exec(code, module.__dict__)  # noqa: S102 - running the agent is what was asked for
        function = module.__dict__.get("run")
        if not callable(function):
            raise TypeError(f"{path} defines no run(input_dict, tools): an agent is a file with such a function")
        yield function
    finally:
        del sys.modules[module.__name__]
